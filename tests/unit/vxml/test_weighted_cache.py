"""What the cache keeps, by weight."""

from __future__ import annotations

from vxml.weighted_cache import WeightedCache


def test_what_was_used_longest_ago_goes_first() -> None:
    cache: WeightedCache[str] = WeightedCache(10)
    for key in ("a", "b"):
        cache.put(key, key.upper(), 5)
    assert cache.get("a") == "A"
    cache.put("c", "C", 5)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == ("A", None, "C")


def test_what_is_too_heavy_alone_takes_nobody_elses_place() -> None:
    cache: WeightedCache[str] = WeightedCache(10)
    cache.put("a", "A", 10)
    cache.put("b", "B", 11)
    assert (cache.get("a"), cache.get("b")) == ("A", None)


def test_replacing_counts_the_new_weight_only() -> None:
    cache: WeightedCache[str] = WeightedCache(10)
    for weight in (6, 6, 4):
        cache.put("a", str(weight), weight)
    cache.put("b", "B", 6)
    assert (cache.get("a"), cache.get("b")) == ("4", "B")
