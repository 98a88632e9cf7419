"""Uses that read and write what travels over networks: mail, pages, addresses, feeds."""

from __future__ import annotations

import email
import email.header
import email.policy
import email.utils
import html
import html.parser
import http.cookies
import io
import mimetypes
import random
import urllib.parse
import urllib.robotparser
import wsgiref.headers
import wsgiref.util
import xml.dom.minidom
import xml.etree.ElementTree
import xmlrpc.client
from email.message import EmailMessage

from parcae.benchmarks.subjects.subject import Subject, number, paragraph, sentence, tree, word, words


def read_mail(case: str) -> object:
    message = email.message_from_string(case, policy=email.policy.default)
    parts = [(part.get_content_type(), part.get_filename(), part.get_payload()) for part in message.walk()]
    people = [(one.display_name, one.username, one.domain) for one in message["to"].addresses]
    return parts[1:], people, str(message["subject"]), message["date"].datetime.isoformat()


def write_mail(case: tuple[str, str, str]) -> object:
    subject, body, attachment = case
    message = EmailMessage()
    message["Subject"], message["To"] = subject, "Ann Example <ann@example.org>, bo@example.net"
    message.set_content(body)
    message.add_attachment(attachment.encode(), maintype="text", subtype="csv", filename="list \u00e9.csv")
    message.set_boundary("=-frontier-=")
    return message.as_string(), [part.get_content_type() for part in message.iter_parts()]


def read_headers(case: str) -> object:
    decoded = [(str(text), charset) for text, charset in email.header.decode_header(case)]
    header = email.header.Header(case, maxlinelen=40, header_name="Subject")
    return decoded, header.encode(), email.utils.getaddresses([case]), email.utils.parsedate_tz(case)


def read_page(case: str) -> object:
    events: list[object] = []

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            events.append(("start", tag, attrs))

        def handle_endtag(self, tag: str) -> None:
            events.append(("end", tag))

        def handle_data(self, data: str) -> None:
            events.append(data)

        def handle_comment(self, data: str) -> None:
            events.append(("comment", data))

    reader = Reader()
    reader.feed(case[:25])
    reader.feed(case[25:])
    reader.close()
    return events, html.unescape(case), html.escape(case)


def take_addresses_apart(case: tuple[str, str]) -> object:
    base, other = case
    parts = urllib.parse.urlsplit(base)
    query = urllib.parse.parse_qs(parts.query, keep_blank_values=True)
    joined = urllib.parse.urljoin(base, other)
    again = urllib.parse.urlunsplit(parts._replace(query=urllib.parse.urlencode(query, doseq=True)))
    return tuple(parts), parts.hostname, parts.port, query, joined, again, urllib.parse.quote(base, safe="/")


def obey_robots(case: tuple[str, list[str]]) -> object:
    rules, paths = case
    robot = urllib.robotparser.RobotFileParser()
    robot.parse(rules.splitlines())
    robot.modified()
    allowed = [(robot.can_fetch("amberbot/1.0", path), robot.can_fetch("other", path)) for path in paths]
    return allowed, robot.crawl_delay("amberbot"), robot.site_maps(), str(robot)


def read_cookies(case: str) -> object:
    jar = http.cookies.SimpleCookie()
    jar.load(case)
    values = {name: (morsel.value, morsel["path"], morsel["max-age"]) for name, morsel in jar.items()}
    return values, jar.output(sep="\n"), {name: morsel.OutputString() for name, morsel in jar.items()}


def guess_kinds(case: list[str]) -> object:
    kinds = mimetypes.MimeTypes(filenames=())
    kinds.add_type("text/x-amber", ".amb")
    return [kinds.guess_type(one) for one in case], [
        kinds.guess_all_extensions("text/plain")[:2],
        kinds.guess_extension("text/x-amber"),
    ]


def read_xml(case: str) -> object:
    root = xml.etree.ElementTree.fromstring(case)
    found = [(one.tag, one.get("id"), one.text) for one in root.findall(".//item[@id]")]
    texts = [root.findtext("list/item"), "".join(root.itertext()), len(root.findall("./list/*"))]
    xml.etree.ElementTree.indent(root)
    return found, texts, xml.etree.ElementTree.tostring(root, encoding="unicode")


def write_document(case: list[tuple[str, str]]) -> object:
    document = xml.dom.minidom.parseString("<root kind='list'/>")
    root = document.firstChild
    assert isinstance(root, xml.dom.minidom.Element)
    for name, text in case:
        node = document.createElement(name)
        node.setAttribute("size", str(len(text)))
        node.appendChild(document.createTextNode(text))
        root.insertBefore(node, root.firstChild)
    return document.toprettyxml(indent=" "), [one.nodeName for one in root.childNodes]


def call_remote(case: tuple[object, str]) -> object:
    value, method = case
    text = xmlrpc.client.dumps((value, method), method, allow_none=True)  # type: ignore[arg-type]  # plain values
    back, name = xmlrpc.client.loads(text)
    return text, back, name


def answer_requests(case: tuple[list[tuple[str, str]], str]) -> object:
    pairs, path = case
    headers = wsgiref.headers.Headers(list(pairs))
    headers.add_header("Content-Disposition", "attachment", filename=path)
    environ: dict[str, object] = {"SCRIPT_NAME": "/app", "PATH_INFO": path, "HTTP_HOST": "example.org:8080"}
    wsgiref.util.setup_testing_defaults(environ)
    first = wsgiref.util.shift_path_info(environ)
    pieces = list(wsgiref.util.FileWrapper(io.BytesIO(path.encode()), 5))
    return str(headers), first, wsgiref.util.request_uri(environ), headers.get_all("x-amber"), pieces


def _mail(rng: random.Random) -> str:
    mark, name = f"=={word(rng)}==", word(rng)
    return (
        f'From: "{name.title()} X" <{name}@example.org>\nTo: {word(rng)}@example.com, "{word(rng)}, {word(rng)}" <b@c.de>\n'
        f"Subject: =?utf-8?q?{word(rng)}=C3=A9_{word(rng)}?= {word(rng)}\nDate: Tue, 0{rng.randint(1, 9)} Mar 2021 1{rng.randint(0, 9)}:22:33 +0{rng.randint(0, 9)}30\n"
        f'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="{mark}"\n\nignored\n--{mark}\nContent-Type: text/plain; charset="utf-8"\n\n'
        f'{paragraph(rng)}\n--{mark}\nContent-Type: text/html\nContent-Disposition: attachment; filename="{word(rng)}.html"\n\n<p>{word(rng)}</p>\n--{mark}--\n'
    )


def _page(rng: random.Random) -> str:
    return (
        f"<!DOCTYPE html><div class='{word(rng)}' data-{word(rng)}={rng.randint(1, 9)} hidden>&eacute;&#{rng.randint(65, 90)};"
        f'{sentence(rng)}<br/><!-- {word(rng)} -->{rng.choice(("a < b", "&lt;", "&notit;"))}<A HREF="?{word(rng)}=1&amp;y">'
        f"{word(rng)}</a><script>if (a<{rng.randint(1, 9)}) {{ '</b>' }}</script></div>{word(rng)}"
    )


def _address(rng: random.Random) -> tuple[str, str]:
    base = f"{rng.choice(('http', 'https', 'ftp'))}://{word(rng)}:pw@{word(rng)}.example:{rng.randint(1, 9)}080/{word(rng)}/{word(rng)};v?{word(rng)}={number(rng)}&{word(rng)}=&x=%C3%A9+y#{word(rng)}"
    return base, rng.choice(
        (f"../{word(rng)}", f"?{word(rng)}", f"//{word(rng)}.example/./a/../b", f"{word(rng)}/../..", "")
    )


def _robots(rng: random.Random) -> tuple[str, list[str]]:
    names = words(rng, 3, 5)
    lines = [
        "User-agent: amberbot",
        f"Crawl-delay: {rng.randint(1, 9)}",
        f"Disallow: /{names[0]}/",
        f"Allow: /{names[0]}/{names[1]}",
    ]
    lines += [
        "",
        "User-agent: *",
        f"Disallow: /{names[2]}%20x",
        rng.choice(("Disallow:", "Disallow: /")),
        f"Sitemap: http://e.org/{names[1]}",
    ]
    return "\n".join(lines), [f"/{one}/{rng.choice(names)}" for one in names] + [f"/{names[2]} x"]


def _xml(rng: random.Random) -> str:
    items = "".join(
        f"<item id='{rng.randint(1, 99)}'>{word(rng)}&amp;<b/>{word(rng)}</item>" for _ in range(rng.randint(2, 5))
    )
    return f"<root a='{word(rng)}'><list>{items}<item>{word(rng)}</item></list><!-- x -->{word(rng)}</root>"


SUBJECTS = (
    Subject(outcome=read_mail, case=_mail),
    Subject(
        outcome=write_mail,
        case=lambda rng: (
            f"{sentence(rng)} \u00e9",
            paragraph(rng) + "\n\u00fc " + "x" * rng.randint(1, 90),
            sentence(rng),
        ),
    ),
    Subject(
        outcome=read_headers,
        case=lambda rng: rng.choice(
            (
                f"=?iso-8859-1?q?{word(rng)}=E9?= <{word(rng)}@e.org> {sentence(rng)}",
                f"{sentence(rng)} {sentence(rng)} \u00e9",
                f"Mon, {rng.randint(1, 28)} Jan 2020 0{rng.randint(1, 9)}:10:00 -0{rng.randint(1, 9)}00",
            )
        ),
    ),
    Subject(outcome=read_page, case=_page),
    Subject(outcome=take_addresses_apart, case=_address),
    Subject(outcome=obey_robots, case=_robots),
    Subject(
        outcome=read_cookies,
        case=lambda rng: "; ".join(
            [f'{one}="{word(rng)}\\{rng.randint(101, 137)}"' for one in words(rng, 1, 3)]
            + [f"{word(rng)}={rng.randint(1, 99)}; Path=/{word(rng)}; Max-Age={rng.randint(1, 999)}"]
        ),
    ),
    Subject(
        outcome=guess_kinds,
        case=lambda rng: [
            rng.choice(
                (
                    f"{word(rng)}.tar.gz",
                    f"http://e.org/{word(rng)}.HTML",
                    "data:text/x;base64,abc",
                    "a.amb",
                    f"{word(rng)}.tgz",
                    "x.svgz",
                    "noext",
                )
            )
            for _ in range(4)
        ],
    ),
    Subject(outcome=read_xml, case=_xml),
    Subject(outcome=write_document, case=lambda rng: [(one, sentence(rng) + " <&>") for one in words(rng, 2, 4)]),
    Subject(outcome=call_remote, case=lambda rng: ({word(rng): tree(rng, 2)}, word(rng))),
    Subject(
        outcome=answer_requests,
        case=lambda rng: (
            [("X-Amber", word(rng)), ("x-" + word(rng), sentence(rng, 2, 3)), ("X-AMBER", word(rng))],
            "/".join(["", *words(rng, 1, 3)]) + rng.choice(("", "/", "//a b")),
        ),
    ),
)
