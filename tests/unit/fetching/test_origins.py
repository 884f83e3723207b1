"""No address of a private network by any spelling; the public ones stay reachable."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.origins import BadUrl, Origin, is_public, parse_origin, split_url

SPELLINGS = "2130706433 0x7f000001 0x7f.1 0177.0.0.1 127.1 127.0.1 017700000001 127.0.0.1. 0X7F.0.0x0.1"
UNICODE = "①②⑦.⓪.⓪.① 127。0。0。1 \uff11\uff12\uff17.0.0.1"


@pytest.mark.parametrize("host", [*SPELLINGS.split(), *UNICODE.split()])
def test_every_spelling_of_an_ipv4_address_is_the_same_host(host: str) -> None:
    assert split_url(f"http://{host}/")[0] == Origin("http", "127.0.0.1", 80)


@pytest.mark.parametrize(
    ("url", "origin", "target"),
    [
        ("HTTP://App.Example.ORG:80/a?b=c#d", "http://app.example.org", "/a?b=c"),
        ("https://app.example.org.", "https://app.example.org", "/"),
        ("https://bücher.example/", "https://xn--bcher-kva.example", "/"),
        ("http://[::0001]:8080/x", "http://[::1]:8080", "/x"),
        ("http://app_1.example/", "http://app_1.example", "/"),
    ],
)
def test_an_origin_has_one_spelling(url: str, origin: str, target: str) -> None:
    found, rest = split_url(url)
    assert (str(found), rest) == (origin, target)


@pytest.mark.parametrize(
    "url",
    [
        "http://app.example@127.0.0.1/",
        "http://127.0.0.1:80@app.example/",
        "http://app.example\\@127.0.0.1/",
        "http://app.example/\r\nHost: x",
        "http://app.example\t/",
        " http://app.example/",
        "http://[fe80::1%25eth0]/",
        "http://[::1/",
        "http://[::1]x/",
        "http://127.0.0.1%2eexample/",
        "http://%31%32%37.0.0.1/",
        "http://256.1.1.1/",
        "http://1.2.3.4.5/",
        "http://a.0x1g.1.2.3/",
        "http://a..b/",
        "http:///x",
        "http://app.example:0/",
        "http://app.example:99999/",
        "http://app.example:-1/",
        "file:///etc/passwd",
        "data:text/plain,x",
        "javascript:alert(1)",
        "ftp://app.example/",
        "gopher://app.example/",
        "//app.example/",
        "app.example",
        "",
    ],
)
def test_what_is_no_plain_http_address_is_refused(url: str) -> None:
    with pytest.raises(BadUrl):
        split_url(url)


def test_an_entry_of_an_allow_list_is_a_server_without_a_path() -> None:
    assert str(parse_origin("pay.example.org")) == "https://pay.example.org"
    assert str(parse_origin("http://pay.example.org:8080/")) == "http://pay.example.org:8080"
    with pytest.raises(BadUrl, match="without a path"):
        parse_origin("https://pay.example.org/api")


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


PRIVATE = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
]


def private_ipv4() -> st.SearchStrategy[ipaddress.IPv4Address]:
    return st.sampled_from(PRIVATE).flatmap(lambda network: st.ip_addresses(v=4, network=network))


@given(private_ipv4())
def test_no_ipv6_address_hides_a_private_ipv4_one(inner: ipaddress.IPv4Address) -> None:
    number = int(inner)
    hidden = {
        "itself": inner,
        "mapped": ipaddress.IPv6Address(0xFFFF << 32 | number),
        "compatible": ipaddress.IPv6Address(number),
        "NAT64": ipaddress.IPv6Address(0x64FF9B << 96 | number),
        "local NAT64": ipaddress.IPv6Address(0x64FF9B0001 << 80 | number),
        "6to4": ipaddress.IPv6Address(0x2002 << 112 | number << 80 | 1),
        "Teredo": ipaddress.IPv6Address(0x20010000 << 96 | (number ^ 0xFFFFFFFF)),
        "ISATAP": ipaddress.IPv6Address(0x26064700 << 96 | 0x5EFE << 32 | number),
    }
    assert [name for name, address in hidden.items() if is_public(str(address))] == []


@given(st.sampled_from(["::1/128", "fe80::/10", "fc00::/7", "ff00::/8", "fec0::/10", "2001:db8::/32"]), st.data())
def test_no_private_ipv6_address_is_public(network: str, data: st.DataObject) -> None:
    address = data.draw(st.ip_addresses(v=6, network=network))
    assert not is_public(str(address))
    assert not is_public(f"{address}%eth0")


def spellings(address: ipaddress.IPv4Address) -> st.SearchStrategy[str]:
    """As inet_aton reads them: one to four parts, each decimal, octal or hexadecimal."""
    number = int(address)
    bases = st.sampled_from(("{:d}", "0{:o}", "0x{:x}", "0X{:X}", "0x00{:x}"))

    def parts(count: int) -> list[int]:
        firsts = [number >> (24 - 8 * at) & 0xFF for at in range(count - 1)]
        return [*firsts, number & (256 ** (5 - count) - 1)]

    written = st.integers(1, 4).flatmap(
        lambda count: st.tuples(*(bases.map(lambda base, part=part: base.format(part)) for part in parts(count)))
    )
    return st.builds(lambda pieces, dot: ".".join(pieces) + dot, written, st.sampled_from(("", ".")))


@given(st.ip_addresses(v=4).flatmap(lambda address: st.tuples(st.just(address), spellings(address))))
def test_a_number_as_host_is_the_address_it_stands_for(drawn: tuple[ipaddress.IPv4Address, str]) -> None:
    address, spelling = drawn
    assert split_url(f"http://{spelling}/")[0].host == str(address)


@given(st.text(min_size=1, max_size=40))
def test_whatever_is_typed_is_refused_or_has_a_plain_host(text: str) -> None:
    try:
        origin, target = split_url(f"http://{text}")
    except BadUrl:
        return
    again = urlsplit(str(origin) + target)
    assert again.hostname == origin.host
    assert again.username is None
    assert split_url(str(origin) + target) == (origin, target)
