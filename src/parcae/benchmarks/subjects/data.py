"""Uses that encode, decode and arrange data."""

from __future__ import annotations

import base64
import copy
import graphlib
import heapq
import io
import ipaddress
import json
import pickle
import pickletools
import plistlib
import quopri
import random
import tomllib
import uuid
import zipfile

from parcae.benchmarks.subjects.subject import Subject, number, sentence, tree, word, words


def write_json(case: object) -> object:
    compact = json.dumps(case, sort_keys=True, separators=(",", ":"))
    pretty = json.dumps(case, indent=2, ensure_ascii=False)
    return compact, pretty, json.loads(compact) == json.loads(pretty)


def read_json(case: str) -> object:
    pairs = json.loads(case, object_pairs_hook=list, parse_float=str, parse_int=str)
    return pairs, json.loads(case), json.JSONDecoder().raw_decode(case.strip() + "  tail")[1]


def pickle_and_back(case: object) -> object:
    data = pickle._dumps(case, protocol=2)  # type: ignore[attr-defined]  # the version in Python
    ops = [(op.name, position) for op, _, position in pickletools.genops(data)]
    return pickle._loads(data), len(data), ops[:12], len(pickletools.optimize(data))  # type: ignore[attr-defined]


def write_property_list(case: object) -> object:
    text = plistlib.dumps({"root": case}, sort_keys=True).decode()
    binary = plistlib.dumps({"root": case}, fmt=plistlib.FMT_BINARY)
    return text, plistlib.loads(binary), plistlib.loads(text.encode())


def read_toml(case: str) -> object:
    return repr(tomllib.loads(case))


def encode_bytes(case: str) -> object:
    data = case.encode()
    wide = [base64.b32encode(data), base64.b85encode(data), base64.a85encode(data, wrapcol=20), base64.b16encode(data)]
    back = [base64.b32decode(wide[0]), base64.b85decode(wide[1]), base64.a85decode(wide[2])]
    return wide, back, quopri.decodestring(quopri.encodestring(data, quotetabs=True))


def order_tasks(case: dict[str, list[str]]) -> object:
    sorter = graphlib.TopologicalSorter(case)
    sorter.prepare()
    order = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order.append(ready)
        sorter.done(*ready)
    return order


def keep_the_largest(case: tuple[list[int], int]) -> object:
    numbers, count = case
    heap = list(numbers)
    heapq.heapify(heap)
    smallest = [heapq.heappop(heap) for _ in range(min(count, len(heap)))]
    replaced = heapq.heappushpop(heap, 7)
    merged = list(heapq.merge(sorted(numbers), smallest, key=lambda one: one // 2))
    return smallest, replaced, heapq.nlargest(count, numbers), heapq.nsmallest(count, numbers, key=abs), merged, heap


def plan_networks(case: tuple[str, str, int]) -> object:
    network, other = ipaddress.ip_network(case[0]), ipaddress.ip_network(case[1])
    parts = [str(one) for one in network.subnets(prefixlen_diff=case[2])][:6]
    hosts = [str(one) for _, one in zip(range(4), network.hosts(), strict=False)]
    spans = [str(one) for one in ipaddress.summarize_address_range(network[0], network[-2])]
    same = network.version == other.version
    joined = [str(one) for one in ipaddress.collapse_addresses([network, other])] if same else []  # type: ignore[type-var]  # of one version
    facts = (network.is_private, network.num_addresses, str(network.supernet(2)), str(network.broadcast_address))
    return parts, hosts, spans, joined, facts, network.overlaps(other) if joined else None


def name_things(case: tuple[str, str]) -> object:
    names = [uuid.uuid5(uuid.NAMESPACE_DNS, case[0]), uuid.uuid3(uuid.NAMESPACE_URL, case[1])]
    return [(str(one), one.version, one.variant, one.fields, one.urn) for one in names], names[0] < names[1]


def copy_deeply(case: object) -> object:
    value = [case, {"again": case}]
    value.append(value[0])
    twin = copy.deepcopy(value)
    return twin, twin[0] is twin[2], twin[0] is case, copy.copy(case)


def pack_files(case: dict[str, str]) -> object:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in case.items():
            archive.writestr(zipfile.ZipInfo(name, (2001, 2, 3, 4, 5, 6)), text)
        archive.comment = b"packed"
    with zipfile.ZipFile(io.BytesIO(memory.getvalue())) as archive:
        facts = [(one.filename, one.file_size, one.date_time, one.is_dir()) for one in archive.infolist()]
        texts = [archive.read(name).decode() for name in archive.namelist()]
        return facts, texts, archive.comment, archive.testzip(), archive.getinfo(min(case)).compress_size


def _json_text(rng: random.Random) -> str:
    text = json.dumps(tree(rng, 4), ensure_ascii=rng.random() < 0.5, indent=rng.choice((None, 1, 3)))
    return rng.choice(("", " ", "\n")) + text.replace('"amber"', '"\\u0061mb\\/er"')


def _plain(rng: random.Random) -> object:
    return {one: [number(rng), sentence(rng), {"deep": [word(rng), rng.random() < 0.5]}] for one in words(rng, 1, 4)}


def _toml(rng: random.Random) -> str:
    lines = [f"title = '{sentence(rng)}'", f"size = {rng.randint(1, 9)}_{rng.randint(100, 999)}"]
    for name in dict.fromkeys(words(rng, 1, 3)):
        lines += [f"[{name}]", f"ratio = {rng.uniform(0, 9):.3f}", f'text = """\n{sentence(rng)} \\\n   more"""']
        lines += [
            f"point = {{ x = {rng.randint(-9, 9)}, y = 0x{rng.randint(16, 99):x} }}",
            f"items = [ {number(rng)}, ]",
        ]
        lines += [
            f"day = 19{rng.randint(10, 99)}-0{rng.randint(1, 9)}-1{rng.randint(0, 9)}T07:3{rng.randint(0, 9)}:00Z"
        ]
        lines += [f"[[{name}.list]]", f"{word(rng)}.'x y' = {rng.choice(('true', 'inf', '0b101'))}"]
    return "\n".join(lines)


def _tasks(rng: random.Random) -> dict[str, list[str]]:
    names = list(dict.fromkeys(words(rng, 6, 12)))
    return {name: rng.sample(names[:place], min(place, rng.randint(0, 3))) for place, name in enumerate(names)}


def _networks(rng: random.Random) -> tuple[str, str, int]:
    def one() -> str:
        if rng.random() < 0.3:
            return f"2001:db8:{rng.randint(0, 99):x}::/{rng.choice((48, 52, 56))}"
        return (
            f"{rng.choice((10, 172, 192))}.{rng.randint(0, 3) * 16}.{rng.randint(0, 15) * 16}.0/{rng.randint(20, 28)}"
        )

    first = one()
    return first, rng.choice((one(), first)), rng.randint(1, 3)


SUBJECTS = (
    Subject(outcome=write_json, case=lambda rng: tree(rng, 4)),
    Subject(outcome=read_json, case=_json_text),
    Subject(outcome=pickle_and_back, case=lambda rng: [tree(rng, 3), rng.randint(-(2**40), 2**40), (1, word(rng))]),
    Subject(outcome=write_property_list, case=_plain),
    Subject(outcome=read_toml, case=_toml),
    Subject(outcome=encode_bytes, case=lambda rng: sentence(rng) + "\t= \u00e9\n" + word(rng) * rng.randint(1, 9)),
    Subject(outcome=order_tasks, case=_tasks),
    Subject(
        outcome=keep_the_largest,
        case=lambda rng: ([rng.randint(-40, 40) for _ in range(rng.randint(5, 15))], rng.randint(1, 5)),
    ),
    Subject(outcome=plan_networks, case=_networks),
    Subject(outcome=name_things, case=lambda rng: (f"{word(rng)}.example", f"urn:{word(rng)}:{rng.randint(1, 99)}")),
    Subject(outcome=copy_deeply, case=lambda rng: [tree(rng, 3), (word(rng), [number(rng)])]),
    Subject(outcome=pack_files, case=lambda rng: {f"{one}/{word(rng)}.txt": sentence(rng) for one in words(rng, 1, 4)}),
)
