from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.security.secrets import Vault
from app.security.tokens import BadToken, ExpiredToken, Tokens, Unsubscribe
from common.errors import ConfigError

KEY = "a key of the tests alone"


def test_tokens_name_what_they_were_made_for() -> None:
    tokens = Tokens(KEY)
    subject = Unsubscribe(3, "email", "anna@example.org")
    assert tokens.read_revision_key(tokens.revision_key("ab" * 32)) == "ab" * 32
    assert tokens.read_session_token(tokens.session_token("01jd3k")) == "01jd3k"
    assert tokens.read_unsubscribe_token(tokens.unsubscribe_token(subject)) == subject


def test_a_revisions_key_is_always_the_same() -> None:
    assert Tokens(KEY).revision_key("ab") == Tokens(KEY).revision_key("ab")


def test_a_session_expires() -> None:
    tokens = Tokens(KEY)
    with pytest.raises(ExpiredToken):
        tokens.read_session_token(tokens.session_token("01jd3k"), max_age=-1)


def test_a_token_serves_one_purpose_only() -> None:
    tokens = Tokens(KEY)
    with pytest.raises(BadToken):
        tokens.read_session_token(tokens.revision_key("01jd3k"))
    with pytest.raises(BadToken):
        tokens.read_unsubscribe_token(tokens.revision_key("01jd3k"))


def test_another_key_opens_nothing() -> None:
    with pytest.raises(BadToken):
        Tokens("another key entirely").read_session_token(Tokens(KEY).session_token("01jd3k"))


@given(st.text(max_size=60))
def test_text_that_is_no_token_is_refused(text: str) -> None:
    tokens = Tokens(KEY)
    for read in (tokens.read_revision_key, tokens.read_session_token, tokens.read_unsubscribe_token):
        with pytest.raises(BadToken):
            read(text)


def test_stored_passwords_come_back() -> None:
    vault = Vault(KEY)
    encrypted = vault.encrypt("trunk password")
    assert "trunk" not in encrypted
    assert vault.decrypt(encrypted) == "trunk password"
    assert vault.encrypt("") == vault.decrypt("") == ""


def test_says_so_when_the_key_has_changed() -> None:
    with pytest.raises(ConfigError, match="CLARION_SECRET_KEY"):
        Vault("another key entirely").decrypt(Vault(KEY).encrypt("trunk password"))
