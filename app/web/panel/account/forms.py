from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import EqualTo, InputRequired, Length

from app.security.passwords import LONGEST, SHORTEST


class SignInForm(FlaskForm):
    login = StringField(
        "Login",
        [InputRequired("Enter your login."), Length(max=120)],
        render_kw={"autocomplete": "username", "autofocus": True, "autocapitalize": "none", "spellcheck": "false"},
    )
    password = PasswordField(
        "Password",
        [InputRequired("Enter your password."), Length(max=LONGEST)],
        render_kw={"autocomplete": "current-password"},
    )


class PasswordForm(FlaskForm):
    current = PasswordField(
        "Present password",
        [InputRequired("Enter the password you signed in with.")],
        render_kw={"autocomplete": "current-password", "autofocus": True},
    )
    new = PasswordField(
        "New password",
        [
            InputRequired("Choose a new password."),
            Length(SHORTEST, LONGEST, f"Use {SHORTEST} to {LONGEST} characters."),
        ],
        description=f"At least {SHORTEST} characters. Three or four unrelated words are good and easy to keep in mind.",
        render_kw={"autocomplete": "new-password"},
    )
    again = PasswordField(
        "New password again",
        [InputRequired("Enter the new password again."), EqualTo("new", "The two do not match; enter both again.")],
        render_kw={"autocomplete": "new-password"},
    )

    def blame(self, problem: str) -> None:
        """Show a service's refusal at the field it is about."""
        target = self.current if problem.startswith("current") else self.new
        target.errors = [*target.errors, problem]
