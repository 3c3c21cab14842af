-- Duet for Wireshark and tshark: control frames and media datagrams.
--
-- Written by `duet-spec render` from the declarations of the reference core; edit spec/src/render/dissector.lua.
--
--   tshark -X lua_script:spec/duet.lua -r capture.pcap -V
--   wireshark -X lua_script:spec/duet.lua capture.pcap
--
-- QUIC is encrypted, so captures carry what was inside: bytes of a control stream under the link type USER0 (147), media
-- datagrams under USER1 (148). `text2pcap -l 147` makes one from a dump. Every field has a filter name:
-- `duet.invite.ring_for_ms > 30000`, `duet.end.code == 0x0300`, `duet.error`, `duet.media.feedback.blocks.flow == 3`.

-- Declarations -----------------------------------------------------------------------------------------------------

@DECLARATIONS@
-- Fields that Wireshark can filter by ------------------------------------------------------------------------------

local duet = Proto("duet", "Duet")
local duet_media = Proto("duet_media", "Duet media datagram")

local malformed = ProtoExpert.new("duet.malformed", "Duet: refused", expert.group.MALFORMED, expert.severity.ERROR)
local media_malformed =
    ProtoExpert.new("duet.media.malformed", "Duet: dropped", expert.group.MALFORMED, expert.severity.WARN)
duet.experts = { malformed }
duet_media.experts = { media_malformed }

local all_fields = {}

local function keep(filter, field)
    all_fields[filter] = field
    return field
end

local kinds, types = {}, {}
for kind, message in pairs(MESSAGES) do kinds[kind] = message.name end
for kind, control in pairs(CONTROLS) do types[kind] = control.name end

local makers = {
    u8 = function(f, n, d) return ProtoField.uint8(f, n, base.DEC, nil, nil, d) end,
    u16 = function(f, n, d) return ProtoField.uint16(f, n, base.DEC, nil, nil, d) end,
    u32 = function(f, n, d) return ProtoField.uint32(f, n, base.DEC, nil, nil, d) end,
    u64 = function(f, n, d) return ProtoField.uint64(f, n, base.DEC, nil, nil, d) end,
    user = function(f, n, d) return ProtoField.uint64(f, n, base.HEX, nil, nil, d) end,
    code = function(f, n, d) return ProtoField.uint16(f, n, base.HEX, CODES, nil, d) end,
    within = function(f, n, d) return ProtoField.uint32(f, n, base.DEC, nil, nil, d) end,
    choice = function(f, n, d, shape) return ProtoField.uint8(f, n, base.DEC, shape.values, nil, d) end,
    bits = function(f, n, d) return ProtoField.uint8(f, n, base.HEX, nil, nil, d) end,
    fixed = function(f, n, d) return ProtoField.bytes(f, n, base.NONE, d) end,
    opaque = function(f, n, d) return ProtoField.bytes(f, n, base.NONE, d) end,
    text = function(f, n, d) return ProtoField.string(f, n, base.UNICODE, d) end,
}

-- Declares the field of one shape, and of everything inside it.
local function declare(filter, name, doc, shape)
    if shape.type == "record" then
        for _, field in ipairs(shape.fields) do
            declare(filter .. "." .. field.name, field.name, field.doc, field)
        end
    elseif shape.type == "list" then
        keep(filter .. ".count", ProtoField.uint16(filter .. ".count", name, base.DEC, nil, nil, doc))
        declare(filter, name, doc, shape.of)
    elseif shape.type == "address" then
        keep(filter .. ".tag", ProtoField.uint8(filter .. ".tag", name .. ": sort", base.DEC, ADDRESS_TAGS, nil, doc))
        keep(filter .. ".id", ProtoField.bytes(filter .. ".id", name .. ": id", base.NONE, doc))
    else
        keep(filter, makers[shape.type](filter, name, doc, shape))
    end
end

local function declared(before)
    local list = {}
    for filter, field in pairs(all_fields) do
        if not before[filter] then list[#list + 1] = field end
    end
    return list
end

local head = {
    kind = keep("duet.kind", ProtoField.uint16("duet.kind", "Kind", base.HEX, kinds)),
    flags = keep("duet.flags", ProtoField.uint8("duet.flags", "Flags", base.HEX)),
    reserved = keep("duet.reserved", ProtoField.uint8("duet.reserved", "Reserved", base.HEX)),
    length = keep("duet.length", ProtoField.uint32("duet.length", "Length", base.DEC)),
    skipped = keep("duet.skipped", ProtoField.bytes("duet.skipped", "Body of an unknown kind, skipped")),
    incomplete = keep("duet.incomplete", ProtoField.bytes("duet.incomplete", "Part of a frame")),
    param_id = keep("duet.param.id", ProtoField.uint16("duet.param.id", "Parameter", base.HEX)),
    param_value = keep("duet.param.value", ProtoField.bytes("duet.param.value", "Value")),
    error = keep("duet.error", ProtoField.string("duet.error", "Error")),
}
for flag, name in pairs(FLAGS) do
    local filter = "duet.flags." .. name:lower()
    head[name] = keep(filter, ProtoField.bool(filter, name, 8, nil, flag))
end
for _, message in pairs(MESSAGES) do
    declare("duet." .. message.name:lower(), message.name, message.doc, { type = "record", fields = message.fields })
end
duet.fields = declared({})

local of_duet = {}
for filter in pairs(all_fields) do of_duet[filter] = true end
local part = {
    flow = keep("duet.media.flow", ProtoField.uint64("duet.media.flow", "Flow", base.DEC)),
    hop_seq = keep("duet.media.hop_seq", ProtoField.uint16("duet.media.hop_seq", "Number of the transmission", base.DEC)),
    type = keep("duet.media.type", ProtoField.uint8("duet.media.type", "Media control", base.DEC, types)),
    body = keep("duet.media.body", ProtoField.bytes("duet.media.body", "Body of an unknown type")),
    error = keep("duet.media.error", ProtoField.string("duet.media.error", "Error")),
    rtp_error = keep("duet.media.rtp.error", ProtoField.string("duet.media.rtp.error", "No RTP packet")),
    marker = keep("duet.media.rtp.marker", ProtoField.bool("duet.media.rtp.marker", "Marker", 8, nil, 0x80)),
    payload_type = keep("duet.media.rtp.payload_type",
        ProtoField.uint8("duet.media.rtp.payload_type", "Payload type", base.DEC, nil, 0x7f)),
    sequence = keep("duet.media.rtp.sequence", ProtoField.uint16("duet.media.rtp.sequence", "Sequence number", base.DEC)),
    timestamp = keep("duet.media.rtp.timestamp", ProtoField.uint32("duet.media.rtp.timestamp", "Timestamp", base.DEC)),
    ssrc = keep("duet.media.rtp.ssrc", ProtoField.uint32("duet.media.rtp.ssrc", "Source", base.HEX)),
    payload = keep("duet.media.rtp.payload", ProtoField.bytes("duet.media.rtp.payload", "Payload")),
}
for _, control in pairs(CONTROLS) do
    local filter = "duet.media." .. control.name:lower()
    declare(filter, control.name, control.doc, { type = "record", fields = control.fields })
    if control.entries then
        declare(filter .. "." .. control.entries.name, control.entries.name, control.doc,
            { type = "record", fields = control.entries.fields })
    end
end
duet_media.fields = declared(of_duet)

-- Reading ----------------------------------------------------------------------------------------------------------

-- An error is raised as a table, so that a mistake in this file is not taken for one of the peer.
local function refuse(name)
    error({ refused = name }, 0)
end

-- Bytes of a buffer from `at` up to `stop`, taken off the front.
local Bytes = {}
Bytes.__index = Bytes

local function bytes(tvb, at, stop)
    return setmetatable({ tvb = tvb, at = at, stop = stop }, Bytes)
end

function Bytes:left()
    return self.stop - self.at
end

function Bytes:take(count)
    if count > self:left() then refuse("Truncated") end
    self.at = self.at + count
    return self.tvb(self.at - count, count)
end

-- A length or a count, held against its limit before anything is taken by it.
function Bytes:prefix(limit)
    local range = self:take(2)
    if range:uint() > limit then refuse("TooLong") end
    return range:uint(), range
end

-- Whether bytes are UTF-8 (RFC 3629): no surrogates, nothing overlong, nothing over U+10FFFF.
local function is_utf8(range)
    local data = range:bytes()
    local at, length = 0, data:len()
    while at < length do
        local first = data:get_index(at)
        local more, low, high = nil, 0x80, 0xbf
        if first < 0x80 then more = 0
        elseif first >= 0xc2 and first <= 0xdf then more = 1
        elseif first >= 0xe0 and first <= 0xef then
            more = 2
            if first == 0xe0 then low = 0xa0 elseif first == 0xed then high = 0x9f end
        elseif first >= 0xf0 and first <= 0xf4 then
            more = 3
            if first == 0xf0 then low = 0x90 elseif first == 0xf4 then high = 0x8f end
        else return false end
        if at + more >= length then return false end
        for next = 1, more do
            local byte = data:get_index(at + next)
            if byte < low or byte > high then return false end
            low, high = 0x80, 0xbf
        end
        at = at + more + 1
    end
    return true
end

-- Whether nothing but zero follows.
local function is_zero(range, from)
    local data = range:bytes()
    for at = from, data:len() - 1 do
        if data:get_index(at) ~= 0 then return false end
    end
    return true
end

local function bits_of(values, number)
    local names = {}
    for bit, name in pairs(values) do
        if math.floor(number / bit) % 2 == 1 then names[#names + 1] = name end
    end
    table.sort(names)
    return table.concat(names, ", ")
end

local sizes = { u8 = 1, u16 = 2, u32 = 4, u64 = 8, user = 8, code = 2, within = 4, choice = 1, bits = 1 }

local read_fields

-- Reads a value of this shape and adds it to the tree.
local function read(tree, data, filter, shape)
    local kind = shape.type
    if kind == "record" then
        read_fields(tree, data, filter, shape.fields)
    elseif kind == "list" then
        local count, range = data:prefix(shape.max)
        tree = tree:add(all_fields[filter .. ".count"], range)
        for _ = 1, count do read(tree, data, filter, shape.of) end
    elseif kind == "address" then
        local range = data:take(17)
        local tag = range(0, 1):uint()
        local known = ADDRESS_LENGTHS[tag]
        if not known or not is_zero(range, 1 + known) then refuse("BadAddress") end
        tree:add(all_fields[filter .. ".tag"], range(0, 1))
        tree:add(all_fields[filter .. ".id"], range(1, known))
    elseif kind == "fixed" then
        tree:add(all_fields[filter], data:take(shape.len))
    elseif kind == "text" or kind == "opaque" then
        local range = data:take(data:prefix(shape.max))
        if kind == "text" then
            if not is_utf8(range) then refuse("NotUtf8") end
            tree:add_packet_field(all_fields[filter], range, ENC_UTF_8)
        else
            tree:add(all_fields[filter], range)
        end
    else
        local range = data:take(sizes[kind])
        local names
        if kind == "within" and (range:uint() < shape.min or range:uint() > shape.max) then refuse("BadValue") end
        if kind == "choice" and not shape.values[range:uint()] then refuse("BadValue") end
        if kind == "bits" then
            local rest = range:uint()
            for bit in pairs(shape.values) do
                if math.floor(rest / bit) % 2 == 1 then rest = rest - bit end
            end
            if rest ~= 0 then refuse("BadValue") end
            names = bits_of(shape.values, range:uint())
        end
        local item = tree:add(all_fields[filter], range)
        if names then item:append_text(" (" .. names .. ")") end
    end
end

read_fields = function(tree, data, filter, fields)
    for _, field in ipairs(fields) do
        read(tree, data, filter .. "." .. field.name, field)
    end
end

local function read_params(tree, data)
    local last = -1
    while data:left() > 0 do
        local id = data:take(2)
        local value = data:take((data:prefix(0xffff)))
        if id:uint() <= last then refuse("BadParams") end
        last = id:uint()
        tree:add(head.param_id, id):add(head.param_value, value)
    end
end

-- Runs a reader; what it refuses becomes a field and an expert's word.
local function guarded(tree, range, field, expert_info, reader)
    local done, why = pcall(reader)
    if done then return true end
    if type(why) ~= "table" then error(why, 0) end
    tree:add(field, range, why.refused):set_generated()
    tree:add_proto_expert_info(expert_info, ERRORS[why.refused] or why.refused)
    return false
end

-- Control frames ---------------------------------------------------------------------------------------------------

local function read_body(tree, data, kind, flags)
    local message = MESSAGES[kind]
    if not message then
        if kind < IGNORABLE_FROM then refuse("UnknownCritical") end
        tree:add(head.skipped, data:take(data:left()))
        return
    end
    for flag in pairs(FLAGS) do
        if math.floor(flags / flag) % 2 ~= math.floor(message.flags / flag) % 2 then refuse("WrongFlags") end
    end
    read_fields(tree, data, "duet." .. message.name:lower(), message.fields)
    read_params(tree, data)
end

-- One frame from `at` on; returns where the next one begins, or nothing where the stream ends here.
local function read_frame(tvb, at, tree)
    local left = tvb:len() - at
    local length = left >= 8 and tvb(at + 4, 4):uint() or 0
    local is_whole = left >= 8 and left - 8 >= length
    if not is_whole and length <= MAX_FRAME then
        tree:add(head.incomplete, tvb(at, left))
        return nil
    end
    local kind, flags = tvb(at, 2):uint(), tvb(at + 2, 1):uint()
    local name = kinds[kind] or string.format("kind 0x%04x", kind)
    local range = tvb(at, math.min(left, 8 + length))
    local frame = tree:add(duet, range, "Duet " .. name)
    frame:add(head.kind, tvb(at, 2))
    local flag_tree = frame:add(head.flags, tvb(at + 2, 1))
    for _, flag in pairs(FLAGS) do flag_tree:add(head[flag], tvb(at + 2, 1)) end
    frame:add(head.reserved, tvb(at + 3, 1))
    frame:add(head.length, tvb(at + 4, 4))
    local is_good = guarded(frame, range, head.error, malformed, function()
        if length > MAX_FRAME then refuse("FrameTooLarge") end
        read_body(frame, bytes(tvb, at + 8, at + 8 + length), kind, flags)
    end)
    return is_good and at + 8 + length or nil, name
end

function duet.dissector(tvb, pinfo, tree)
    pinfo.cols.protocol = "Duet"
    local names, at = {}, 0
    while at and at < tvb:len() do
        local name
        at, name = read_frame(tvb, at, tree)
        names[#names + 1] = name
    end
    pinfo.cols.info = table.concat(names, ", ")
    return tvb:len()
end

-- Media datagrams --------------------------------------------------------------------------------------------------

-- A variable-length integer (RFC 9000 section 16): its value, and the bytes that it takes.
local function varint(data)
    local first = data:take(1)
    local size = 2 ^ math.floor(first:uint() / 64)
    data.at = data.at - 1
    local range = data:take(size)
    if size < 8 then return range:uint() % (2 ^ (8 * size - 2)), range end
    return (range(0, 4):uint() % 2 ^ 30) * 2 ^ 32 + range(4, 4):uint(), range
end

local function read_control(tree, data)
    local range = data:take(1)
    local control = CONTROLS[range:uint()]
    tree:add(part.type, range)
    if not control then
        tree:add(part.body, data:take(data:left()))
        return "unknown type"
    end
    local filter = "duet.media." .. control.name:lower()
    if control.entries then
        local tail = 0
        for _, field in ipairs(control.fields) do tail = tail + sizes[field.type] end
        local entries = bytes(data.tvb, data.at, math.max(data.at, data.stop - tail))
        while entries:left() > 0 do
            local start = entries.at
            read_fields(tree, entries, filter .. "." .. control.entries.name, control.entries.fields)
            entries:take((start - entries.at) % control.entries.align)
        end
        data.at = entries.at
    end
    read_fields(tree, data, filter, control.fields)
    if data:left() > 0 then refuse("Trailing") end
    return control.name
end

-- An RTP packet (RFC 3550 section 5.1).
local function read_rtp(tree, data)
    local first, second = data:take(1):uint(), data:take(1)
    local sequence, timestamp, ssrc = data:take(2), data:take(4), data:take(4)
    if math.floor(first / 64) ~= 2 then refuse("BadValue") end
    data:take(4 * (first % 16))
    if math.floor(first / 16) % 2 == 1 then
        data:take(2)
        data:take(4 * data:take(2):uint())
    end
    local payload = data:take(data:left())
    if math.floor(first / 32) % 2 == 1 then
        local length = payload:len()
        local padding = length > 0 and payload(length - 1, 1):uint() or 0
        if padding == 0 or padding > length then refuse("BadValue") end
        payload = payload(0, length - padding)
    end
    tree:add(part.marker, second)
    tree:add(part.payload_type, second)
    tree:add(part.sequence, sequence)
    tree:add(part.timestamp, timestamp)
    tree:add(part.ssrc, ssrc)
    tree:add(part.payload, payload)
end

function duet_media.dissector(tvb, pinfo, tree)
    pinfo.cols.protocol = "Duet media"
    local info = "dropped"
    tree = tree:add(duet_media, tvb())
    guarded(tree, tvb(), part.error, media_malformed, function()
        if tvb:len() > MAX_DATAGRAM then refuse("TooLong") end
        local data = bytes(tvb, 0, tvb:len())
        local flow, range = varint(data)
        if flow > 0xffffffff then refuse("BadValue") end
        tree:add(part.flow, range, UInt64(flow % 2 ^ 32, 0))
        if flow == 0 then
            info = read_control(tree, data)
            return
        end
        local hop_seq = data:take(2)
        if data:left() == 0 then refuse("Truncated") end
        tree:add(part.hop_seq, hop_seq)
        local rtp = tvb(data.at, data:left())
        guarded(tree, rtp, part.rtp_error, media_malformed, function() read_rtp(tree, data) end)
        info = string.format("flow %d, hop_seq %d", flow, hop_seq:uint())
    end)
    pinfo.cols.info = info
    return tvb:len()
end

local link_types = DissectorTable.get("wtap_encap")
link_types:add(wtap.USER0, duet)
link_types:add(wtap.USER1, duet_media)
