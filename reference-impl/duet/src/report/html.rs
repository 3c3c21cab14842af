//! One self-contained HTML file: no request, no script, light and dark, and readable on paper.

use std::collections::BTreeSet;

use super::draw;
use super::model::*;
use super::text::{Format, count, esc, put};

const STYLE: &str = include_str!("page.css");

/// What a browser may load for this page: nothing but what is in it.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/// Renders a page. The same page gives the same bytes.
pub fn html(page: &Page) -> String {
    let title = if page.title.is_empty() {
        "a run"
    } else {
        &page.title
    };
    let mut out =
        String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    put!(
        out,
        "<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n"
    );
    out.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    out.push_str("<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n");
    put!(
        out,
        "<title>{} – Duet</title>\n<style>\n{}{STYLE}</style>\n</head>\n<body>\n",
        esc(title),
        draw::STYLE
    );
    let mut taken = BTreeSet::new();
    let ids: Vec<String> = page
        .sections
        .iter()
        .map(|section| name(&section.id, &mut taken))
        .collect();
    head(&mut out, page, title, &ids);
    out.push_str("<main>\n");
    for (section, id) in page.sections.iter().zip(&ids) {
        put!(
            out,
            "<section id=\"{id}\">\n<h2>{}</h2>\n",
            esc(&section.title)
        );
        how(&mut out, &section.how);
        blocks(&mut out, &section.blocks);
        out.push_str("\n</section>\n");
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

/// Each chart as an SVG file of its own: the file's name, and its content. No two have the same name.
pub fn files(page: &Page) -> Vec<(String, String)> {
    let mut taken = BTreeSet::new();
    page.charts()
        .map(|chart| {
            let name = name(&chart.id, &mut taken);
            (format!("{name}.svg"), draw::svg(chart))
        })
        .collect()
}

/// What is left of a name in a file system or an address, and no other has.
fn name(id: &str, taken: &mut BTreeSet<String>) -> String {
    let mut name = String::new();
    for c in id.chars().take(64) {
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    let stem = match name.trim_end_matches('-') {
        "" => "part",
        stem => stem,
    };
    let mut name = stem.to_owned();
    let mut number = 2;
    while !taken.insert(name.clone()) {
        name = format!("{stem}-{number}");
        number += 1;
    }
    name
}

fn head(out: &mut String, page: &Page, title: &str, ids: &[String]) {
    out.push_str("<header>\n");
    if !page.kind.is_empty() {
        put!(out, "<p class=\"over\">{}</p>\n", esc(&page.kind));
    }
    put!(out, "<h1>{}</h1>\n", esc(title));
    if !page.lead.is_empty() {
        put!(out, "<p class=\"lead\">{}</p>\n", esc(&page.lead));
    }
    if !page.facts.is_empty() {
        out.push_str("<dl class=\"run\">");
        for Fact { name, value, code } in &page.facts {
            let (name, value) = (esc(name), esc(value));
            if *code {
                put!(
                    out,
                    "<div class=\"long\"><dt>{name}</dt><dd><code>{value}</code></dd></div>"
                );
            } else {
                put!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
            }
        }
        out.push_str("</dl>\n");
    }
    if page.sections.len() > 1 {
        out.push_str("<nav>");
        for (section, id) in page.sections.iter().zip(ids) {
            put!(out, "<a href=\"#{id}\">{}</a>", esc(&section.title));
        }
        out.push_str("</nav>\n");
    }
    out.push_str("</header>\n");
}

fn how(out: &mut String, text: &str) {
    if !text.is_empty() {
        put!(out, "<p class=\"how\">{}</p>", esc(text));
    }
}

fn blocks(out: &mut String, blocks: &[Block]) {
    let mut rest = blocks;
    while let Some((block, after)) = rest.split_first() {
        rest = after;
        match block {
            Block::Heading { title, how: text } => {
                put!(out, "<h3>{}</h3>", esc(title));
                how(out, text);
            }
            Block::Text(text) => put!(out, "<p class=\"empty\">{}</p>", esc(text)),
            Block::Tiles(all) => tiles(out, all),
            Block::Cards(cards) => {
                out.push_str("<div class=\"cards\">");
                cards.iter().for_each(|one| card(out, one));
                out.push_str("</div>");
            }
            Block::Table(one) => table(out, one),
            Block::Chart(first) => {
                out.push_str("<div class=\"charts\">");
                chart(out, first);
                while let Some((Block::Chart(next), after)) = rest.split_first() {
                    rest = after;
                    chart(out, next);
                }
                out.push_str("</div>");
            }
        }
    }
}

fn tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "plain",
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Unclear => "unclear",
        Tone::Faint => "faint",
    }
}

fn tiles(out: &mut String, tiles: &[Tile]) {
    out.push_str("<div class=\"tiles\">");
    for tile in tiles {
        let first = if tile.first { " first" } else { "" };
        put!(
            out,
            "<div class=\"tile {}{first}\"><b>{}</b><span>{}</span>",
            tone(tile.tone),
            esc(&tile.value),
            esc(&tile.name)
        );
        if !tile.note.is_empty() {
            put!(out, "<small>{}</small>", esc(&tile.note));
        }
        out.push_str("</div>");
    }
    out.push_str("</div>");
}

fn card(out: &mut String, card: &Card) {
    put!(
        out,
        "<article><h3>{} <small>{}</small></h3>",
        esc(&card.title),
        esc(&card.aside)
    );
    if let Some(failure) = &card.failure {
        put!(out, "<p class=\"failure\">✗ {}</p>", esc(failure));
    }
    if !card.tiles.is_empty() {
        tiles(out, &card.tiles);
    }
    for pair in &card.pairs {
        out.push_str("<figure class=\"pair\"><div>");
        for (base64, text) in &pair.pictures {
            image(out, base64, text);
        }
        for (_, text) in &pair.pictures {
            put!(out, "<em>{}</em>", esc(text));
        }
        put!(
            out,
            "</div><figcaption>{}</figcaption></figure>",
            esc(&pair.title)
        );
    }
    how(out, &card.note);
    out.push_str("</article>");
}

/// A picture, if it is one.
fn image(out: &mut String, base64: &str, text: &str) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    if !base64.is_empty() && base64.bytes().all(plain) {
        put!(
            out,
            "<img alt=\"{}\" src=\"data:image/jpeg;base64,{base64}\">",
            esc(text)
        );
    } else {
        out.push_str("<span class=\"nothing\">no picture</span>");
    }
}

fn table(out: &mut String, table: &Table) {
    if let Some(summary) = &table.folded {
        let open = if table.open { " open" } else { "" };
        put!(out, "<details{open}><summary>{}</summary>", esc(summary));
    }
    let class = if table.numbers { "numbers" } else { "words" };
    put!(out, "<div class=\"table\"><table class=\"{class}\">");
    if table.columns.iter().any(|column| !column.is_empty()) {
        out.push_str("<thead><tr>");
        for column in &table.columns {
            put!(out, "<th>{}</th>", esc(column));
        }
        out.push_str("</tr></thead>");
    }
    out.push_str("<tbody>");
    for row in &table.rows {
        out.push_str("<tr>");
        for (index, cell) in row.iter().enumerate() {
            let text = esc(&cell.text);
            match (index, cell.tone) {
                (0, _) => put!(out, "<th>{text}</th>"),
                (_, Tone::Plain) => put!(out, "<td>{text}</td>"),
                (_, other) => put!(out, "<td class=\"{}\">{text}</td>", tone(other)),
            }
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
    if table.folded.is_some() {
        out.push_str("</details>");
    }
}

fn chart(out: &mut String, chart: &Chart) {
    let parts = matches!(chart.plot, Plot::Sequence(_) | Plot::Ladder(_));
    let class = match (chart.wide || parts, parts) {
        (true, true) => "chart whole parts",
        (true, false) => "chart whole",
        (false, _) => "chart",
    };
    put!(out, "<figure class=\"{class}\">");
    if !chart.title.is_empty() || !chart.caption.is_empty() {
        put!(out, "<figcaption><b>{}</b>", esc(&chart.title));
        if !chart.caption.is_empty() {
            put!(out, "<span>{}</span>", esc(&chart.caption));
        }
        out.push_str("</figcaption>");
    }
    put!(out, "<div class=\"draw\">{}</div>", draw::inline(chart));
    if let Some(numbers) = numbers(&chart.plot) {
        table(out, &numbers);
    }
    out.push_str("</figure>");
}

/// The same in figures, where that is a table of moderate size.
fn numbers(plot: &Plot) -> Option<Table> {
    let (scale, curves) = match plot {
        Plot::Cdf(cdf) => (&cdf.x, cdf.curves.clone()),
        Plot::Spread(spread) => {
            let known = |row: &SpreadRow| {
                let known = row.values.iter().copied().filter(|value| value.is_finite());
                Curve::new(row.name.as_str(), known)
            };
            (&spread.x, spread.rows.iter().map(known).collect())
        }
        _ => return None,
    };
    if curves.is_empty() || curves.len() > 60 {
        return None;
    }
    let values = curves.iter().flat_map(|curve| curve.values.iter().copied());
    let format = Format::new(&scale.unit, values);
    let heads = [
        "Samples",
        "5 %",
        "25 %",
        &format.head("Median"),
        "75 %",
        "95 %",
    ]
    .map(str::to_owned);
    let mut table = Table::numbers(std::iter::once(String::new()).chain(heads));
    for curve in &curves {
        let quantiles = [0.05, 0.25, 0.5, 0.75, 0.95];
        let quantiles = quantiles.map(|share| format.text(curve.quantile(share)));
        let names = [curve.name.clone(), count(curve.of)];
        table.row(names.into_iter().chain(quantiles));
    }
    table.folded = Some("in figures".into());
    Some(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_and_unlike() {
        let mut taken = BTreeSet::new();
        let names = ["Rate 1", "rate/1", "../..", "", "ü"].map(|id| name(id, &mut taken));
        assert_eq!(names, ["rate-1", "rate-1-2", "part", "part-2", "part-3"]);
    }
}
