"""What is said of contacts in one word, here and in the database."""

from __future__ import annotations

from enum import StrEnum


class AttributeType(StrEnum):
    STRING = "string"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    PHONE = "phone"
    EMAIL = "email"
    #: Entered by administrators only: a call to it leaves by whatever server it names.
    SIP = "sip"


class AddressKind(StrEnum):
    PHONE = "phone"
    EMAIL = "email"


class DncKind(StrEnum):
    PHONE = "phone"
    EMAIL = "email"
    #: `Contact.external_id`: blocks every address of that person.
    CONTACT_ID = "contact_id"
    #: `Contact.customer_id`: blocks every address of that person in every list.
    CUSTOMER_ID = "customer_id"
    #: Any of these of a person who was erased: `value` is its keyed hash (app.security.pseudonyms).
    ERASED = "erased"
