#!/usr/bin/env python3
"""Reads every golden vector with nothing but ../registry.json and Python's standard library.

It shows what an implementation has to do, and that the registry says enough to do it: no message, field, limit or code
is named below. Usage: read.py [--quiet]; exit code 1 where a vector is not read as it says.
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
REGISTRY = json.loads((HERE.parent / "registry.json").read_text(encoding="utf-8"))
LAYOUT = REGISTRY["layout"]
MESSAGES = {message["kind"]: message for message in REGISTRY["messages"]}
CONTROLS = {control["type"]: control for control in REGISTRY["controls"]}
ERRORS = {error["name"]: error for error in REGISTRY["errors"]}
VIOLATIONS = {violation["name"]: violation for violation in REGISTRY["violations"]}
CODES = {code["code"]: code["name"] for code in REGISTRY["codes"]}
LIMITS = {limit["name"]: limit["value"] for limit in REGISTRY["limits"]}
ADDRESSES = {address["tag"]: address for address in LAYOUT["address"]}
SIZES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "user": 8, "code": 2, "within": 4, "choice": 1, "bits": 1}


HEADER_LEN = sum(SIZES[part["shape"]["type"]] for part in LAYOUT["header"])


class Refused(Exception):
    """Why bytes are refused: the name of an error or of a violation."""


class Bytes:
    """Bytes that are taken off the front."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def left(self):
        return len(self.data) - self.at

    def take(self, count):
        if count > self.left():
            raise Refused("Truncated")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "big")


def prefixed(data, limit, prefix):
    """A length or a count, held against its limit before anything is taken by it."""
    count = data.number(SIZES[prefix])
    if limit is not None and count > limit:
        raise Refused("TooLong")
    return count


def address(data):
    body = Bytes(data.take(LAYOUT["address_len"]))
    known = ADDRESSES.get(body.number(1))
    if known is None:
        raise Refused("BadAddress")
    value = body.take(known["len"])
    if any(body.take(body.left())):
        raise Refused("BadAddress")
    return {known["name"]: value.hex()}


def value(data, shape):
    """A value of this shape, in the form that the vectors have."""
    kind = shape["type"]
    if kind == "fixed":
        return data.take(shape["len"]).hex()
    if kind == "opaque":
        return data.take(prefixed(data, shape.get("max"), LAYOUT["length_prefix"])).hex()
    if kind == "text":
        try:
            return data.take(prefixed(data, shape["max"], LAYOUT["length_prefix"])).decode("utf-8")
        except UnicodeDecodeError:
            raise Refused("NotUtf8") from None
    if kind == "address":
        return address(data)
    if kind == "list":
        return [value(data, shape["of"]) for _ in range(prefixed(data, shape["max"], LAYOUT["count_prefix"]))]
    if kind == "record":
        return fields(data, shape["fields"])
    number = data.number(SIZES[kind])
    allowed = {
        "within": lambda: shape["min"] <= number <= shape["max"],
        "choice": lambda: number in shape["values"].values(),
        "bits": lambda: number & ~sum(shape["values"].values()) == 0,
    }
    if not allowed.get(kind, lambda: True)():
        raise Refused("BadValue")
    return f"{number:016x}" if SIZES[kind] == 8 else number


def fields(data, described):
    return {field["name"]: value(data, field["shape"]) for field in described}


def params(data):
    """What is left of a body: parameters, whose ids ascend."""
    found = []
    while data.left():
        param = fields(data, LAYOUT["params"])
        if found and param["id"] <= found[-1][0]:
            raise Refused("BadParams")
        found.append([param["id"], param["value"]])
    return found


def header(data):
    found = fields(data, LAYOUT["header"])
    if found["length"] > LIMITS["MAX_FRAME"]:
        raise Refused("FrameTooLarge")
    return found


def message(head, body, sender):
    """A frame's fields; none where its kind is unknown and may be."""
    known = MESSAGES.get(head["kind"])
    if known is None:
        if head["kind"] >= LAYOUT["ignorable_from"]:
            return None
        raise Refused("UnknownCritical")
    if sender != known["sender"] and known["sender"] != "either" and sender is not None:
        raise Refused("UnexpectedFrame")
    flags = sum(LAYOUT["flags"][flag] for flag in known["flags"])
    if head["flags"] & sum(LAYOUT["flags"].values()) != flags:
        raise Refused("WrongFlags")
    data = Bytes(body)
    found = fields(data, known["fields"])
    rest = params(data)
    return {**found, "params": rest} if rest else found


def varint(data):
    """RFC 9000 section 16."""
    first = data.number(1)
    data.at -= 1
    size = 1 << (first >> 6)
    return data.number(size) & ((1 << (8 * size - 2)) - 1)


def control(data):
    """Entries as far as the fields after them leave room, then the fields."""
    kind = fields(data, LAYOUT["datagram"]["control"])["type"]
    known = CONTROLS.get(kind)
    if known is None:
        return {"type": kind, "body": data.take(data.left()).hex()}
    found = {}
    if known["entries"]:
        tail = sum(SIZES[field["shape"]["type"]] for field in known["fields"])
        body = Bytes(data.take(max(0, data.left() - tail)))
        entries = found[known["entries"]["name"]] = []
        while body.left():
            start = body.at
            entries.append(fields(body, known["entries"]["fields"]))
            body.take((start - body.at) % known["entries"]["align"])
    found.update(fields(data, known["fields"]))
    if data.left():
        raise Refused("Trailing")
    return {"type": kind, "control": known["name"], "fields": found}


def rtp(packet):
    """RFC 3550 section 5.1."""
    data = Bytes(packet)
    first, second, sequence, timestamp, ssrc = (data.number(size) for size in (1, 1, 2, 4, 4))
    if first >> 6 != 2:
        raise Refused("BadValue")
    data.take(4 * (first & 0x0F))
    if first & 0x10:
        data.take(2)
        data.take(4 * data.number(2))
    payload = data.take(data.left())
    if first & 0x20:
        padding = payload[-1] if payload else 0
        if not 0 < padding <= len(payload):
            raise Refused("BadValue")
        payload = payload[:-padding]
    return {
        "marker": bool(second & 0x80),
        "payload_type": second & 0x7F,
        "sequence": sequence,
        "timestamp": timestamp,
        "ssrc": ssrc,
        "payload": payload.hex(),
    }


def datagram(bytes_):
    if len(bytes_) > LIMITS["MAX_DATAGRAM"]:
        raise Refused("TooLong")
    data = Bytes(bytes_)
    flow = varint(data)
    if flow > LAYOUT["datagram"]["max_flow"]:
        raise Refused("BadValue")
    if flow == LAYOUT["datagram"]["control_flow"]:
        return {"flow": flow, **control(data)}
    found = {"flow": flow, **fields(data, LAYOUT["datagram"]["media"])}
    if not data.left():
        raise Refused("Truncated")
    payload = data.take(data.left())
    found["payload"] = payload.hex()
    try:
        found["rtp"] = rtp(payload)
    except Refused as refused:
        found["rtp_error"] = str(refused)
    return found


def refusal(name):
    """What a vector says of an error."""
    row = ERRORS.get(name) or VIOLATIONS[name]
    return {"error": name, "code": CODES[row["code"]], "requirement": row["requirement"]}


def read_message(vector):
    data = Bytes(bytes.fromhex(vector["frame"]))
    try:
        head = header(data)
        body = data.take(head["length"])
        assert not data.left(), "more than a frame"
        found = {"message": MESSAGES[head["kind"]]["name"], "fields": message(head, body, vector.get("from"))}
        flags = sum(LAYOUT["flags"][flag] for flag in MESSAGES[head["kind"]]["flags"])
        if head["flags"] != flags or head["reserved"]:
            found.update(flags=head["flags"], reserved=head["reserved"])
        return found
    except Refused as refused:
        return {"message": MESSAGES[head["kind"]]["name"], **refusal(str(refused))}


def read_stream(vector):
    data, frames = Bytes(bytes.fromhex(vector["bytes"])), []
    while True:
        start = data.at
        try:
            head = header(data)
            if data.left() < head["length"]:
                return {"frames": frames, "left": len(data.data) - start}
            body = data.take(head.pop("length"))
            frame = {**head, "body": body.hex()}
            if message(head, body, None) is None:
                frame["skipped"] = True
            frames.append(frame)
        except Refused as refused:
            # A stream that ends within a header waits for the rest of it.
            if data.at - start < HEADER_LEN:
                return {"frames": frames, "left": len(data.data) - start}
            return {"frames": frames, **refusal(str(refused))}


def read_datagram(vector):
    try:
        return datagram(bytes.fromhex(vector["datagram"]))
    except Refused as refused:
        return {"error": str(refused), "requirement": vector["requirement"]}


READERS = {"frame": read_message, "bytes": read_stream, "datagram": read_datagram}


def main():
    read, wrong = 0, 0
    for path in sorted(HERE.glob("*.json")):
        vectors = json.loads(path.read_text(encoding="utf-8"))["vectors"]
        for vector in vectors:
            source = next(key for key in READERS if key in vector)
            # The case's name and the bytes themselves are what is left out of the comparison.
            expected = {key: vector[key] for key in vector if key not in ("case", "from", source)}
            found = READERS[source](vector)
            read += 1
            if found != expected:
                wrong += 1
                print(f"{path.name}: {vector.get('message', '')} {vector['case']}\n  says  {expected}\n  found {found}")
        if "--quiet" not in sys.argv[1:]:
            print(f"{path.name}: {len(vectors)}")
    print(f"{read} vectors read, {wrong} not as they say")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
