"""A contact list of many people, made by the database itself: quick, and the same each time."""

from __future__ import annotations

from sqlalchemy import Engine, text

#: Columns of what `_numbers` yields as n; names and balances come in no order, as in lists that people really send.
_CONTACT = """
INSERT INTO contact (id, organization_id, contact_list_id, external_id, customer_id, first_name, last_name, language,
                     time_zone, attributes, last_completion_code, last_attempt_at, created_at, updated_at)
SELECT n, {home}, {contact_list}, 'A' || n, '', 'First' || (n * 7919 % 5003), 'Last' || (n * 104729 % 9001),
       CASE n % 3 WHEN 0 THEN 'en' WHEN 1 THEN 'es' ELSE 'de' END, '',
       {attributes}, CASE n % 4 WHEN 0 THEN 'CALL_BUSY' ELSE '' END,
       CASE n % 4 WHEN 0 THEN {moment} END, {moment}, {moment}
FROM {numbers}"""
_ADDRESS = """
INSERT INTO address (organization_id, contact_id, kind, name, position, value, original, country, time_zones,
                     disabled_code)
SELECT {home}, n, {kind}, {name}, {position}, {value}, '', {country}, '', '' FROM {numbers}"""
_SQLITE = (
    "(WITH RECURSIVE counted(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM counted WHERE n < {last})"
    " SELECT n FROM counted)"
)
_POSTGRESQL = "generate_series({first}::bigint, {last}) AS counted(n)"
_ATTRIBUTES = {
    "sqlite": "json_object('balance', n * 15485863 % 400000, 'due', date('2026-01-01', (n * 31 % 365) || ' days'))",
    "postgresql": (
        "jsonb_build_object('balance', n * 15485863 % 400000, 'due', (date '2026-01-01' + (n * 31 % 365)::int)::text)"
    ),
}
_CHUNK = 100_000


def fill(engine: Engine, organization_id: int, contact_list_id: int, contacts: int, first: int = 1) -> None:
    """So many contacts with ids from `first` on, each with a phone number and an email; a fourth was busy before."""
    sqlite = engine.dialect.name == "sqlite"
    moment = "'2026-01-05 12:00:00.000000'" if sqlite else "timestamptz '2026-01-05 12:00:00Z'"
    number = "'+1202' || (2000000 + n * 7001 % 7999999)"
    email = "'person' || n || '@example.org'"
    end = first + contacts
    for begin in range(first, end, _CHUNK):
        numbers = (_SQLITE if sqlite else _POSTGRESQL).format(first=begin, last=min(begin + _CHUNK, end) - 1)
        values = {"home": organization_id, "contact_list": contact_list_id, "moment": moment, "numbers": numbers}
        statements = [_CONTACT.format(attributes=_ATTRIBUTES[engine.dialect.name], **values)]
        for kind, name, position, value, country in (
            ("'phone'", "'phone1'", 1, number, "'US'"), ("'email'", "'email'", 1, email, "''"),
        ):  # fmt: skip
            statements.append(
                _ADDRESS.format(kind=kind, name=name, position=position, value=value, country=country, **values)
            )
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement.replace(":", "\\:")))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not sqlite:
            connection.execute(
                text("SELECT setval(pg_get_serial_sequence('contact', 'id'), (SELECT max(id) FROM contact))")
            )
        connection.execute(text("ANALYZE"))
