"""RFC 9111, section by section, with VoiceXML's maxage and maxstale (6.1.2.1)."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.dialog.answer import Answer
from mediaserver.dialog.cache import Found, HttpCache, Request
from mediaserver.dialog.freshness import CacheControl, initial_age, lifetime

T0 = 1_800_000_000.0
URL = "http://app.example/page.vxml"


def date(at: float) -> str:
    return formatdate(at, usegmt=True)


def answer(status: int = 200, body: bytes = b"page", cookies: tuple[str, ...] = (), **headers: str) -> Answer:
    return Answer(URL, status, body, {name.replace("_", "-"): value for name, value in headers.items()}, cookies)


class Browser:
    """A cache and the server behind it."""

    def __init__(self, **options: Any) -> None:
        self.cache = HttpCache(**options)
        self.now = T0
        #: What the server was asked, as the headers that the cache added.
        self.asked: list[dict[str, str]] = []

    def get(self, served: Answer | None = None, **request: Any) -> Answer | None:
        """`served` None: the server cannot be reached."""
        asking = Request("GET", request.pop("url", URL), **request)
        found = self.cache.find(asking, self.now)
        if found.answer is not None:
            return found.answer
        self.asked.append(dict(found.headers))
        if served is None:
            return self.cache.unanswered(asking, found, self.now)
        return self.cache.arrived(asking, found, served, self.now, self.now)

    def cached(self, **request: Any) -> bool:
        """Whether it is answered without asking."""
        return self.cache.find(Request("GET", URL, **request), self.now).answer is not None


# --- 4.2 freshness


def test_an_answer_is_fresh_for_its_max_age_and_stale_after() -> None:
    browser = Browser()
    browser.get(answer(cache_control="max-age=60"))
    browser.now += 59
    assert browser.cached()
    browser.now += 1
    assert not browser.cached()


def test_max_age_goes_before_expires_and_s_maxage_is_for_shared_caches() -> None:
    headers = {"date": date(T0), "expires": date(T0 + 900)}
    assert lifetime(200, headers, CacheControl.parse("max-age=10, s-maxage=500"), T0) == (10.0, True)
    assert lifetime(200, headers, CacheControl(), T0) == (900.0, True)


@pytest.mark.parametrize("expires", ["0", "-1", "soon", "", "Wed, 99 Nov 99999 99:99:99 GMT"])
def test_an_expires_that_is_no_date_has_expired(expires: str) -> None:
    assert lifetime(200, {"expires": expires}, CacheControl(), T0) == (0.0, True)


def test_without_a_date_expires_counts_from_the_arrival() -> None:
    assert lifetime(200, {"expires": date(T0 + 30)}, CacheControl(), T0) == (30.0, True)


def test_an_old_unchanged_page_is_fresh_for_a_tenth_of_its_age_and_a_day_at_most() -> None:
    changed_lately = {"date": date(T0), "last-modified": date(T0 - 1000)}
    changed_long_ago = {"date": date(T0), "last-modified": date(T0 - 10**8)}
    assert lifetime(200, changed_lately, CacheControl(), T0) == (100.0, False)
    assert lifetime(200, changed_long_ago, CacheControl(), T0) == (86_400.0, False)
    assert lifetime(302, changed_lately, CacheControl(), T0) == (0.0, False)


def test_age_counts_what_caches_on_the_way_and_the_network_took() -> None:
    assert initial_age({"age": "50"}, T0, T0 + 2) == 52.0
    assert initial_age({"age": "50", "date": date(T0 - 90)}, T0, T0 + 2) == 92.0
    assert initial_age({"age": "fifty", "date": date(T0 + 90)}, T0, T0) == 0.0


def test_an_answer_that_was_old_on_arrival_is_fresh_for_the_rest_only() -> None:
    browser = Browser()
    browser.get(answer(cache_control="max-age=60", age="55"))
    browser.now += 4
    assert browser.cached()
    browser.now += 2
    assert not browser.cached()


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("MAX-AGE=5", CacheControl(max_age=5)),
        ('max-age="5", foo="a, no-store"', CacheControl(max_age=5)),
        ("max-age=10, max-age=5", CacheControl(max_age=5)),
        ("max-age=five", CacheControl(max_age=0)),
        ("max-age=-5", CacheControl(max_age=0)),
        ("max-age", CacheControl(max_age=0)),
        ('no-cache="set-cookie", private', CacheControl(no_cache=True, private=True)),
        (", ,=,no-store;,", CacheControl(no_store=True)),
        ("stale-if-error=600, must-revalidate, public", CacheControl(None, 600, False, False, False, True, True)),
    ],
)
def test_cache_control_is_read_leniently_and_in_doubt_strictly(header: str, wanted: CacheControl) -> None:
    assert CacheControl.parse(header) == wanted


@settings(max_examples=60)
@given(st.text(max_size=60))
def test_no_cache_control_is_too_odd_to_read(header: str) -> None:
    assert (CacheControl.parse(header).max_age or 0) >= 0


# --- 3 storing


@pytest.mark.parametrize(
    "served",
    [
        answer(cache_control="no-store, max-age=60"),
        answer(cache_control="max-age=60", vary="*"),
        answer(cache_control="max-age=60", vary="accept, *"),
        answer(206, cache_control="max-age=60"),
        answer(500, etag='"1"'),
        answer(302, etag='"1"'),
        answer(),
    ],
    ids=["no-store", "vary", "vary among", "partial", "error", "redirect", "nothing to go by"],
)
def test_what_may_not_be_stored_or_is_of_no_use_is_not(served: Answer) -> None:
    browser = Browser()
    browser.get(served)
    assert len(browser.cache) == 0


def test_what_holds_typed_secrets_is_not_stored() -> None:
    browser = Browser()
    browser.get(answer(cache_control="max-age=60"), keep=False)
    assert len(browser.cache) == 0
    assert browser.asked == [{"cache-control": "no-store"}]


def test_redirects_and_errors_are_stored_when_the_server_says_so() -> None:
    browser = Browser()
    browser.get(answer(302, location="/x", cache_control="max-age=60"))
    assert browser.cached()


def test_private_answers_and_cookies_are_their_sessions_own() -> None:
    for served in (answer(cache_control="private, max-age=60"), answer(cookies=("s=1",), cache_control="max-age=60")):
        browser = Browser()
        browser.get(served, session="one")
        assert browser.cached(session="one")
        assert not browser.cached(session="two")
        browser.cache.forget("one")
        assert len(browser.cache) == 0


def test_other_answers_are_shared_between_sessions() -> None:
    browser = Browser()
    browser.get(answer(cache_control="max-age=60"), session="one")
    browser.cache.forget("one")
    assert browser.cached(session="two")


def test_cookies_and_hop_by_hop_headers_are_not_stored() -> None:
    browser = Browser()
    browser.get(answer(cookies=("s=1",), cache_control="max-age=60", connection="x-hop, close", x_hop="1", x_end="2"))
    again = browser.get()
    assert again is not None
    assert again.cookies == ()
    assert set(again.headers) == {"cache-control", "x-end"}


# --- 4.1 Vary


def test_an_answer_that_varies_is_used_for_like_requests_only() -> None:
    browser = Browser()
    for cookie in ("a=1", "a=2"):
        browser.get(answer(body=cookie.encode(), cache_control="max-age=60", vary="Cookie"), headers={"cookie": cookie})
    first, second = (browser.get(headers={"cookie": f" a={n} "}) for n in (1, 2))
    assert first is not None
    assert second is not None
    assert (first.body, second.body) == (b"a=1", b"a=2")
    assert not browser.cached(headers={"cookie": "a=3"})
    assert not browser.cached()


# --- 4.3 validation


def test_a_stale_answer_is_validated_and_renewed_by_304() -> None:
    browser = Browser()
    browser.get(answer(cache_control="max-age=60", etag='"1"', last_modified=date(T0 - 50), content_type="text/xml"))
    browser.now += 100
    renewed = browser.get(answer(304, b"", cache_control="max-age=30", etag='"1"', content_type="none", x_new="1"))
    assert browser.asked[-1] == {"if-none-match": '"1"', "if-modified-since": date(T0 - 50)}
    assert renewed is not None
    assert (renewed.status, renewed.body) == (200, b"page")
    assert (renewed.headers["content-type"], renewed.headers["x-new"]) == ("text/xml", "1")
    browser.now += 29
    assert browser.cached()
    browser.now += 1
    assert not browser.cached()


def test_another_representation_replaces_the_stored_one() -> None:
    browser = Browser()
    browser.get(answer(cache_control="max-age=60", etag='"1"'))
    browser.now += 100
    browser.get(answer(body=b"new", cache_control="max-age=60", etag='"2"'))
    found = browser.get()
    assert found is not None
    assert found.body == b"new"
    assert len(browser.cache) == 1


def test_a_304_for_another_representation_is_not_believed() -> None:
    browser = Browser()
    browser.get(answer(cache_control="max-age=0", etag='"1"'))
    assert browser.get(answer(304, b"", etag='"2"')) is None
    assert len(browser.cache) == 0


def test_a_weak_tag_validates() -> None:
    browser = Browser()
    browser.get(answer(etag='W/"1"'))
    renewed = browser.get(answer(304, b"", etag='"1"'))
    assert renewed is not None
    assert renewed.body == b"page"


def test_a_page_that_went_away_is_forgotten() -> None:
    browser = Browser()
    browser.get(answer(etag='"1"'))
    gone = browser.get(answer(404))
    assert gone is not None
    assert gone.status == 404
    assert len(browser.cache) == 0


def test_no_cache_is_stored_and_always_asked_for() -> None:
    browser = Browser()
    browser.get(answer(cache_control="no-cache, max-age=60", etag='"1"'))
    assert len(browser.cache) == 1
    assert not browser.cached(max_stale=600.0)


# --- VoiceXML 6.1.2.1


def test_maxage_wants_a_younger_copy_even_of_a_fresh_page() -> None:
    browser = Browser()
    browser.get(answer(cache_control="max-age=600", etag='"1"'))
    browser.now += 30
    assert browser.cached(max_age=30.0)
    assert not browser.cached(max_age=29.0)
    assert not browser.cached(max_age=0.0)
    browser.get(answer(304, b""), max_age=0.0)
    assert browser.asked[-1] == {"cache-control": "max-age=0", "if-none-match": '"1"'}


def test_maxstale_takes_an_expired_copy_for_so_long() -> None:
    browser = Browser()
    browser.get(answer(cache_control="max-age=60", etag='"1"'))
    browser.now += 90
    assert browser.cached(max_stale=30.0)
    assert not browser.cached(max_stale=29.0)
    assert not browser.cached(max_age=89.0, max_stale=600.0)
    assert browser.cached(max_age=90.0, max_stale=30.0)


def test_must_revalidate_goes_before_maxstale() -> None:
    browser = Browser()
    browser.get(answer(cache_control="max-age=60, must-revalidate", etag='"1"'))
    browser.now += 61
    assert not browser.cached(max_stale=600.0)


# --- RFC 5861


@pytest.mark.parametrize("served", [answer(503), answer(500), None])
def test_a_stale_answer_stands_in_for_a_server_that_fails_where_it_may(served: Answer | None) -> None:
    browser = Browser()
    browser.get(answer(cache_control="max-age=60, stale-if-error=100", etag='"1"'))
    browser.now += 160
    found = browser.get(served)
    assert found is not None
    assert found.body == b"page"
    browser.now += 1
    assert browser.get(served) == served


@pytest.mark.parametrize("control", ["max-age=60", "max-age=60, stale-if-error=100, must-revalidate"])
def test_elsewhere_the_failure_is_told(control: str) -> None:
    browser = Browser()
    browser.get(answer(cache_control=control, etag='"1"'))
    browser.now += 61
    assert browser.get(None) is None
    assert browser.get(answer(503)) == answer(503)


def test_a_client_error_is_no_failure_of_the_server() -> None:
    browser = Browser()
    browser.get(answer(cache_control="max-age=60, stale-if-error=100", etag='"1"'))
    browser.now += 61
    assert browser.get(answer(403)) == answer(403)


# --- 4.4 invalidation


def post(browser: Browser, served: Answer, url: str = URL) -> None:
    browser.cache.arrived(Request("POST", url), Found(None, {}), served, browser.now, browser.now)


@pytest.mark.parametrize(("status", "gone"), [(200, True), (204, True), (303, True), (400, False), (500, False)])
def test_a_post_that_went_well_invalidates_what_it_went_to(status: int, gone: bool) -> None:
    browser = Browser()
    browser.get(answer(cache_control="max-age=60"))
    post(browser, answer(status))
    assert browser.cached() is not gone


def test_it_invalidates_what_it_names_on_the_same_server_too() -> None:
    for location, gone in (("/page.vxml", True), ("http://other.example/page.vxml", False)):
        browser = Browser()
        browser.get(answer(cache_control="max-age=60"))
        post(browser, answer(201, location=location), "http://app.example/pages")
        assert browser.cached() is not gone
        other = Answer("http://other.example/page.vxml", 200, b"", {"cache-control": "max-age=60"})
        browser.get(other, url=other.url)
        post(browser, answer(201, content_location=other.url), "http://app.example/pages")
        assert browser.cache.find(Request("GET", other.url), browser.now).answer is not None


def test_a_post_is_never_answered_from_the_cache() -> None:
    browser = Browser()
    browser.get(answer(cache_control="max-age=60"))
    assert browser.cache.find(Request("POST", URL), browser.now).answer is None


# --- bounds


def test_the_least_recently_used_goes_first() -> None:
    browser = Browser(max_bytes=3 * 1024 + 3 * 4)
    for name in "abc":
        browser.get(Answer(name, 200, b"1234", {"etag": name}), url=name)
    browser.cache.find(Request("GET", "a"), T0)
    browser.get(Answer("d", 200, b"1234", {"etag": "d"}), url="d")
    kept = [name for name in "abcd" if browser.cache.find(Request("GET", name), T0).stored is not None]
    assert kept == ["a", "c", "d"]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 3000), st.booleans()), max_size=30))
def test_the_cache_never_outgrows_its_bound(visits: list[tuple[str, int, bool]]) -> None:
    bound = 8000
    browser = Browser(max_bytes=bound)
    for name, size, private in visits:
        control = "private, max-age=60" if private else "max-age=60"
        served = Answer(name, 200, b"x" * size, {"cache-control": control})
        browser.get(served, url=name, session="s", max_age=0.0)
        browser.now += 1
        assert len(browser.cache) * 1024 <= bound
        stored = [browser.cache.find(Request("GET", one, session="s"), browser.now).stored for one in "abcdef"]
        assert sum(1024 + len(one.answer.body) for one in stored if one is not None) <= bound
    browser.cache.forget("s")
    assert all(
        one.session == ""
        for name in "abcdef"
        if (one := browser.cache.find(Request("GET", name, session="s"), browser.now).stored) is not None
    )
