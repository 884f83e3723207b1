"""What is answered to STOP, HELP and START: one text, in the language of the word, without anything to sell.

47 CFR 64.1200(a)(12) allows one text that confirms; CTIA asks for one that names the sender.
"""

from __future__ import annotations

from collections.abc import Mapping

from channels.keywords import Asked, Keyword

_STOP, _HELP, _START = Keyword.STOP, Keyword.HELP, Keyword.START
_TEXTS: Mapping[str, Mapping[Keyword, str]] = {
    "en": {
        _STOP: "You will get no more calls or texts at this number. Reply START to get them again.",
        _HELP: "An organization you know reaches you by Clarion. Reply STOP to get no more messages.",
        _START: "You will get calls and texts again. Reply STOP to stop them.",
    },
    "fr": {
        _STOP: "Vous ne recevrez plus d'appels ni de SMS à ce numéro. Répondez START pour les recevoir à nouveau.",
        _HELP: "Une organisation que vous connaissez vous joint par Clarion. Répondez STOP pour ne plus rien recevoir.",
        _START: "Vous recevrez à nouveau appels et SMS. Répondez STOP pour les arrêter.",
    },
    "es": {
        _STOP: "No recibirá más llamadas ni SMS en este número. Responda START para volver a recibirlos.",
        _HELP: "Una organización que usted conoce le contacta con Clarion. Responda STOP para no recibir más.",
        _START: "Volverá a recibir llamadas y SMS. Responda STOP para no recibirlos.",
    },
    "de": {
        _STOP: "Sie bekommen unter dieser Nummer keine Anrufe und SMS mehr. Mit START bekommen Sie wieder welche.",
        _HELP: "Eine Organisation, die Sie kennen, erreicht Sie mit Clarion. Mit STOP bekommen Sie nichts mehr.",
        _START: "Sie bekommen wieder Anrufe und SMS. Mit STOP bekommen Sie keine mehr.",
    },
    "pt": {
        _STOP: "Não receberá mais chamadas nem SMS neste número. Responda START para voltar a receber.",
        _HELP: "Uma organização que conhece contacta-o através do Clarion. Responda STOP para não receber mais.",
        _START: "Voltará a receber chamadas e SMS. Responda STOP para parar.",
    },
    "it": {
        _STOP: "Non riceverà più chiamate né SMS a questo numero. Risponda START per riceverli di nuovo.",
        _HELP: "Un'organizzazione che conosce la contatta con Clarion. Risponda STOP per non ricevere altro.",
        _START: "Riceverà di nuovo chiamate e SMS. Risponda STOP per non riceverli.",
    },
    "nl": {
        _STOP: "U krijgt op dit nummer geen oproepen en sms meer. Antwoord START om ze weer te krijgen.",
        _HELP: "Een organisatie die u kent bereikt u met Clarion. Antwoord STOP om niets meer te krijgen.",
        _START: "U krijgt weer oproepen en sms. Antwoord STOP om ze te stoppen.",
    },
    "pl": {
        _STOP: "Na ten numer nie będzie więcej połączeń ani SMS-ów. Odpowiedz START, aby je znów otrzymywać.",
        _HELP: "Znana Ci organizacja kontaktuje się z Tobą przez Clarion. Odpowiedz STOP, aby nic nie otrzymywać.",
        _START: "Znów będziesz otrzymywać połączenia i SMS-y. Odpowiedz STOP, aby je zatrzymać.",
    },
}


def reply_to(asked: Asked, sender: str) -> str:
    """`sender` is the organization's name, "" where several or none may have written."""
    text = _TEXTS.get(asked.language, _TEXTS["en"])[asked.keyword]
    return f"{sender}: {text}" if sender else text
