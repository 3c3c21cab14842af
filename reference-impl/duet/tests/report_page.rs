//! Pages of a report by themselves: every kind of chart with hostile names, no data, one point, nonsense and far too much;
//! what is written reads back the same; files are XML.

use duet::report::{
    Arrow, Better, Block, Card, Cdf, Cell, Chart, Colour, Curve, Events, Heat, Ladder, Level,
    Lines, Mark, Note, Page, Pair, Plot, Scale, Section, Sequence, Series, Span, Spread, SpreadRow,
    Stored, Style, Table, Tile, Tone, files, html,
};

const NASTY: &str = "<script>alert('1')</script>\"&\u{202e}]]>--";

/// Numbers for a test, the same each time: a linear congruential generator.
fn noise(seed: u64) -> impl Iterator<Item = f64> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1_u32 << 31)
    })
}

/// One of each kind of chart, of these values and with this name wherever a name can stand.
fn charts(name: &str, values: &[f64]) -> Vec<Chart> {
    let points = || {
        values
            .iter()
            .enumerate()
            .map(|(index, value)| (index as f64, *value))
    };
    let mut lines = Lines::new(Scale::new(name, "s"), Scale::new(name, name));
    for style in [
        Style::Line,
        Style::Dots,
        Style::Steps,
        Style::Area,
        Style::Bars { width: 1.0 },
        Style::Marks(Mark::Diamond),
    ] {
        let spread = points().map(|(x, y)| (x, y - 1.0, y + 1.0));
        lines
            .series
            .push(Series::new(name, style, points()).spread(spread));
    }
    lines
        .series
        .push(Series::new(name, Style::Line, points().map(|(x, y)| (y, x))).colour(Colour::Soft));
    let level = |at: &f64| Level::new(name, *at);
    lines.levels = values.iter().take(3).map(level).collect();
    lines.uprights = values.iter().take(30).map(level).collect();
    lines.spans = values
        .iter()
        .take(3)
        .map(|at| Span {
            name: name.into(),
            from: *at,
            to: at + 1.0,
        })
        .collect();
    lines.events.push(Events {
        name: name.into(),
        at: values.to_vec(),
        ..Events::default()
    });
    let cdf = Cdf {
        x: Scale::new(name, "ms"),
        curves: vec![Curve::new(name, values.iter().copied()); 3],
        uprights: lines.uprights.clone(),
    };
    let spread = Spread {
        x: Scale::new(name, "ms"),
        rows: vec![SpreadRow::new(name, values.iter().copied()); 4],
        uprights: lines.uprights.clone(),
        better: Some(Better::Low),
    };
    let side = values.len().isqrt();
    let heat = Heat {
        value: Scale::new(name, "%"),
        rows: (name.into(), vec![name.into(); side]),
        columns: (name.into(), vec![name.into(); side]),
        values: values[..side * side].to_vec(),
        notes: vec![name.into(); side],
        better: Some(Better::High),
    };
    let arrows = values.iter().enumerate().map(|(index, at)| Arrow {
        at_ms: *at,
        from: index % 3,
        to: index / 2 % 4,
        name: name.into(),
        detail: name.into(),
        arrives_ms: (index % 2 == 0).then_some(at + 10.0),
        lost: (index % 3 == 0).then(|| name.into()),
    });
    let ladder = Ladder {
        lanes: vec![name.into(); 3],
        packets: arrows.clone().collect(),
        notes: values
            .iter()
            .take(50)
            .map(|at| Note {
                at_ms: *at,
                lane: 1,
                text: name.into(),
            })
            .collect(),
    };
    let sequence = Sequence {
        lanes: vec![name.into(); 3],
        arrows: arrows
            .map(|arrow| Arrow {
                arrives_ms: None,
                lost: None,
                ..arrow
            })
            .collect(),
    };
    let plots = [
        Plot::Lines(lines),
        Plot::Cdf(cdf),
        Plot::Spread(spread),
        Plot::Heat(heat),
        Plot::Ladder(ladder),
        Plot::Sequence(sequence),
    ];
    let chart = |plot: Plot| Chart::new(name, name, name, plot);
    plots
        .into_iter()
        .flat_map(|plot| [chart(plot.clone()), chart(plot).wide()])
        .collect()
}

/// A page with one of everything.
fn page(name: &str, values: &[f64]) -> Page {
    let mut table = Table::numbers([name, name]);
    table.row([Cell::from(name), Cell::new(name, Tone::Bad)]);
    table.folded = Some(name.into());
    let tile = Tile::new(name, name, name);
    let mut section = Section::new(name, name, name)
        .block(Block::Text(name.into()))
        .block(Block::Tiles(vec![tile.clone()]))
        .block(Block::Cards(vec![Card {
            title: name.into(),
            aside: name.into(),
            failure: Some(name.into()),
            tiles: vec![tile],
            pairs: vec![Pair {
                title: name.into(),
                pictures: [(name.into(), name.into()), ("abc=".into(), name.into())],
            }],
            note: name.into(),
        }]))
        .heading(name, name)
        .table(table);
    for chart in charts(name, values) {
        section = section.chart(chart);
    }
    let mut page = Page::new(name)
        .fact(name, name)
        .code(name, name)
        .section(section.clone())
        .section(section);
    page.kind = name.into();
    page.lead = name.into();
    page
}

/// Panics unless the page is one file that a browser takes: balanced, no script, no request, no number that is none.
fn assert_sound(html: &str) {
    let body = html.strip_prefix("<!doctype html>").expect("HTML");
    // As XML, once what HTML leaves open is closed.
    let mut xml = String::new();
    let mut rest = body;
    while let Some(at) = rest.find('<') {
        let end = at + rest[at..].find('>').expect("a tag ends");
        let tag = &rest[at..end];
        xml.push_str(&rest[..end]);
        let void = ["<meta", "<link", "<img"]
            .iter()
            .any(|void| tag.starts_with(void));
        xml.push_str(if void { "/>" } else { ">" });
        rest = &rest[end + 1..];
        if tag == "<style" {
            rest = &rest[rest.find("</style>").expect("it ends")..];
        }
    }
    let xml = xml.replace(" open>", ">");
    if let Err(error) = roxmltree::Document::parse(&xml) {
        panic!("{error}: {xml}");
    }
    for word in [
        "NaN", "inf\"", "inf ", ">inf", "http:", "https:", "<script", "url(", "@import", "{}",
    ] {
        assert!(!html.contains(word), "{word:?} in the page");
    }
}

/// The files, each read as XML: their numbers are numbers, their classes are styled or harmless.
fn assert_files(page: &Page) -> Vec<(String, String)> {
    let files = files(page);
    assert_eq!(files.len(), page.charts().count());
    for (name, content) in &files {
        let document = roxmltree::Document::parse(content)
            .unwrap_or_else(|error| panic!("{name}: {error}\n{content}"));
        let root = document.root_element();
        assert_eq!(root.tag_name().name(), "svg");
        assert_eq!(
            root.tag_name().namespace(),
            Some("http://www.w3.org/2000/svg")
        );
        for child in ["title", "desc", "style"] {
            assert!(
                root.children()
                    .any(|node| node.has_tag_name(("http://www.w3.org/2000/svg", child)))
            );
        }
        for node in root.descendants().filter(roxmltree::Node::is_element) {
            assert!(!node.has_tag_name("script"));
            for attribute in ["x", "y", "width", "height"] {
                if let Some(value) = node.attribute(attribute) {
                    let value: f64 = value.parse().unwrap_or_else(|_| panic!("{name}: {value}"));
                    assert!(value.is_finite());
                }
            }
            if let Some(d) = node.attribute("d") {
                assert!(
                    d.starts_with('M') && !d.contains("NaN") && !d.contains("inf"),
                    "{d}"
                );
            }
        }
        assert!(!content.contains("var("), "{name} needs a page's variables");
    }
    files
}

#[test]
fn names_never_become_markup() {
    let values: Vec<f64> = noise(1).take(40).map(|value| value * 100.0).collect();
    let page = page(NASTY, &values);
    let html = html(&page);
    assert_sound(&html);
    assert!(html.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;"));
    let files = assert_files(&page);
    for (name, _) in &files {
        assert!(
            name.chars()
                .all(|c| c.is_ascii_alphanumeric() || "-.".contains(c)),
            "{name}"
        );
    }
    let mut names: Vec<&String> = files.iter().map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), files.len(), "two files of one name");
}

#[test]
fn no_data_one_value_and_nonsense_can_be_drawn() {
    let odd = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        1e300,
        -1e300,
        0.0,
        1e-300,
    ];
    let mut all: Vec<Vec<f64>> = vec![vec![], odd.to_vec(), vec![5.0; 10], vec![-1e-9, 1e-9]];
    all.extend(odd.iter().map(|value| vec![*value]));
    for values in all {
        let page = page("a name", &values);
        assert_sound(&html(&page));
        assert_files(&page);
    }
    assert_sound(&html(&Page::default()));
    let empty = [
        Plot::Lines(Lines::default()),
        Plot::Cdf(Cdf::default()),
        Plot::Spread(Spread::default()),
        Plot::Heat(Heat::default()),
        Plot::Sequence(Sequence::default()),
        Plot::Ladder(Ladder::default()),
    ];
    let mut section = Section::default();
    for plot in empty {
        section = section.chart(Chart::new("", "", "", plot));
    }
    let page = Page::new("").section(section);
    assert_sound(&html(&page));
    assert_files(&page);
}

#[test]
fn however_much_there_is_a_drawing_stays_small() {
    let values: Vec<f64> = noise(2).take(100_000).collect();
    let mut page = page("a name", &values[..100_000]);
    for (name, content) in assert_files(&page) {
        assert!(content.len() < 4_000_000, "{name}: {} bytes", content.len());
    }
    // The two that are drawn most are small as they are written, too.
    page.sections.truncate(1);
    page.sections[0]
        .blocks
        .retain(|block| matches!(block, Block::Chart(chart) if matches!(chart.plot, Plot::Cdf(_))));
    let mut lines = Lines::new(Scale::new("Time", "s"), Scale::new("Rate", "b/s"));
    let points = values.iter().enumerate();
    lines.series.push(Series::line(
        "all",
        points.map(|(at, value)| (at as f64, *value)),
    ));
    page = page.section(Section::new("a", "a", "").chart(Chart::new(
        "a",
        "a",
        "",
        Plot::Lines(lines),
    )));
    let (json, html) = (serde_json::to_string(&page).expect("JSON"), html(&page));
    assert!(json.len() < 600_000, "{} bytes", json.len());
    assert!(html.len() < 500_000, "{} bytes", html.len());
}

#[test]
fn what_is_written_reads_back_the_same() {
    let mut values: Vec<f64> = noise(3).take(50).map(|value| value * 1e6).collect();
    values[7] = f64::NAN;
    let page = page(NASTY, &values);
    let json = serde_json::to_string(&page).expect("JSON");
    let Stored::Page(again) = Stored::parse(&json).expect("a page") else {
        panic!("a page is a page");
    };
    assert_eq!(html(&page), html(&again));
    assert_eq!(json, serde_json::to_string(&again).expect("JSON"));
    assert_eq!(files(&page), files(&again));
}
