"""The compiled table against phonenumbers' own geocoder and carrier, and how it is made."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import phonenumbers
import pytest
from phonenumbers import NumberParseException, PhoneNumberFormat

from app.core.phone import BrokenTable, origin_of
from app.services import regions

#: Beside each example number of a country and kind; and numbers made of the prefixes that have names.
_BESIDE_EACH, _OF_PREFIXES = 3, 6_000


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("regions") / "table.bin"
    regions.load(path)
    return path


def numbers(chance: Random) -> Iterator[str]:
    for country in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in range(11):
            example = phonenumbers.example_number_for_type(country, kind)
            for _ in range(_BESIDE_EACH if example else 0):
                e164 = phonenumbers.format_number(example, PhoneNumberFormat.E164)
                kept = chance.randrange(2, len(e164) + 1)
                yield e164[:kept] + "".join(chance.choices("0123456789", k=len(e164) - kept))
    for code in phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS:
        yield phonenumbers.format_number(phonenumbers.example_number_for_non_geo_entity(code), PhoneNumberFormat.E164)


def of_prefixes(chance: Random) -> Iterator[str]:
    from phonenumbers.carrierdata import CARRIER_DATA
    from phonenumbers.geodata import GEOCODE_DATA

    for prefix in chance.choices([*GEOCODE_DATA, *CARRIER_DATA], k=_OF_PREFIXES):
        yield f"+{prefix}" + "".join(chance.choices("0123456789", k=chance.randrange(8)))


def test_it_says_of_every_number_what_phonenumbers_says(path: Path) -> None:
    from phonenumbers import carrier, geocoder

    table, chance = regions.mapped(path), Random(20261126)
    told, countries = 0, set()
    for text in (*numbers(chance), *of_prefixes(chance)):
        try:
            number = phonenumbers.parse(text)
        except NumberParseException:
            continue
        found = origin_of(phonenumbers.format_number(number, PhoneNumberFormat.E164), table)
        expected = geocoder.description_for_number(number, "en"), carrier.name_for_number(number, "en")
        assert (found.region, found.carrier) == expected, text
        told += any(expected)
        countries.add(phonenumbers.region_code_for_number(number))
    assert told > _OF_PREFIXES // 3
    assert len(countries) > 230


def test_a_broken_one_is_made_again_whole(path: Path, tmp_path: Path) -> None:
    mine, older = tmp_path / "number-regions-9.bin", tmp_path / "number-regions-8.bin"
    mine.write_bytes(path.read_bytes()[:-9])
    older.write_bytes(b"")
    with pytest.raises(BrokenTable):
        regions.mapped(mine)
    assert regions.load(mine).area("13125550123") == "Chicago, IL"
    assert mine.read_bytes() == path.read_bytes()
    assert sorted(each.suffix for each in tmp_path.iterdir()) == [".bin", ".lock"]


def test_nothing_is_told_where_it_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert regions.load(tmp_path / "file" / "table.bin").area("13125550123") == ""


def test_a_process_that_asks_does_not_read_the_data_of_phonenumbers() -> None:
    asks = (
        "import sys; from app.services import regions; print(regions.origin('+13125550123').region);"
        "sys.exit(any(name.startswith(('phonenumbers.geodata', 'phonenumbers.carrierdata')) for name in sys.modules))"
    )
    asked = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True)
    assert asked.stdout == "Chicago, IL\n"
