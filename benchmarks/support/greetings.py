"""What people and machines say when they answer, by espeak-ng's languages. `|` is a pause of 0.4 to 1.2 s.

Of each list one half is for tuning and the other is held out: no sentence, and no English voice, is in both.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Half(StrEnum):
    TUNING = "tuning"
    HELD_OUT = "held-out"

    def of(self, items: tuple[str, ...]) -> tuple[str, ...]:
        """Halves of like lengths: sorted, and dealt out as a, b, b, a."""
        turns = (0, 3) if self is Half.TUNING else (1, 2)
        return tuple(item for number, item in enumerate(sorted(items, key=len)) if number % 4 in turns)


@dataclass(frozen=True, slots=True)
class Language:
    voices: tuple[str, ...]
    #: A person at home or on a mobile.
    people: tuple[str, ...]
    #: A person at work, who says more.
    business: tuple[str, ...]
    machines: tuple[str, ...]
    #: Machines that pause after a word or two.
    pausing: tuple[str, ...]


ENGLISH = Language(
    voices=("en-us", "en-gb", "en-us+f3", "en-gb+f4", "en-us+m3", "en-gb-scotland+f2", "en-us+f1", "en-gb+m5"),
    people=(
        "Hello?", "Hello", "Yes?", "Hi, this is Anna.", "Smith residence.", "Good morning.", "Yeah, hello?",
        "Hello, who is this?", "Anderson.", "Speaking.", "Hi.", "Good afternoon, Miller and Sons.", "Hello, hello?",
        "Who's calling, please?", "Peter Brown.", "Yes, hello.", "Yep.", "Sorry, hello?", "This is she.", "Hey, Mom.",
    ),
    business=(
        "Good morning, Miller and Partners, Sarah speaking.",
        "Thank you for calling Green Valley Dental, how can I help you?",
        "Accounts department, Linda speaking, good afternoon.",
        "City Library, information desk, what can I do for you?",
        "Hello, you're through to Riverside Motors, my name is Jack.",
        "Front desk, this is Michael, one moment please.",
        "Parker Plumbing, good morning, who am I speaking to?",
        "Saint Mary's school office, can I help you?",
    ),
    machines=(
        "Hi, you have reached Tom and Lisa. We can't come to the phone now. Please leave a message after the beep.",
        "The person you are calling is not available. Please record your message after the tone.",
        "This is the voicemail of Peter Brown. I am away from my desk. Leave your name and number and I'll call back.",
        "Your call has been forwarded to an automatic voice message system. At the tone, please record your message.",
        "Hello, this is Emma. Sorry I missed your call. Leave me a message and I'll get back to you as soon as I can.",
        "Thank you for calling. Our office is closed at the moment. Our hours are nine to five, Monday to Friday.",
        "You've reached the Johnson family. Nobody is home. Leave a message and we will call you back.",
        "The mobile phone you have called may be switched off. Please try again later or leave a message.",
        "I'm sorry, but the customer you are trying to reach has not set up a voice mailbox yet. Good bye.",
        "Hey, it's Chris. I can't pick up right now, you know what to do.",
        "Welcome to the voice mailbox of extension two four one. Please speak after the signal.",
        "All our agents are busy. Leave your number and the reason of your call, and somebody will ring you back.",
    ),
    pausing=(
        "Hello.|You have reached the Miller family. Please leave a message after the beep.",
        "Hi, this is Daniel.|I can't take your call right now. Please leave your name and number.",
        "Good day.|Our office is closed. Please call again tomorrow, or leave a message after the tone.",
        "Hey.|Sorry I missed you. Leave me a message and I will get back to you.",
        "Five five five,|oh one nine nine,|is not available. Please record your message at the tone.",
        "Susan Clark|is not available. To leave a message, wait for the tone.",
    ),
)  # fmt: skip

OTHERS = (
    Language(
        ("de",),
        ("Hallo?", "Ja, bitte?", "Weber.", "Ja, hallo?"),
        ("Praxis Doktor Klein, guten Tag.", "Autohaus Schmidt, Sie sprechen mit Frau Lange, was kann ich für Sie tun?"),
        (
            "Guten Tag, hier ist Familie Weber. Bitte sprechen Sie nach dem Ton.",
            "Der gewünschte Gesprächspartner ist zur Zeit nicht erreichbar. Bitte hinterlassen Sie eine Nachricht.",
        ),
        (
            "Hallo.|Hier ist der Anrufbeantworter von Jana. Sprecht nach dem Ton.",
            "Guten Tag.|Unser Büro ist zur Zeit nicht besetzt. Bitte rufen Sie morgen wieder an.",
        ),
    ),
    Language(
        ("fr-fr",),
        ("Allô ?", "Oui, bonjour ?", "Oui ?", "Allô, c'est qui ?"),
        ("Cabinet dentaire, bonjour.", "Société Martin, bonjour, que puis-je faire pour vous ?"),
        (
            "Bonjour, vous êtes chez Marie. Laissez un message après le bip sonore.",
            "Votre correspondant n'est pas disponible. Veuillez laisser votre message après le signal sonore.",
        ),
        (
            "Bonjour.|Vous êtes bien sur le répondeur de Paul. Laissez un message.",
            "Salut, c'est Luc.|Je ne peux pas répondre pour le moment. Parlez après le bip.",
        ),
    ),
    Language(
        ("es",),
        ("¿Diga?", "¿Sí, dígame?", "¿Hola?", "¿Quién es?"),
        ("Clínica San Juan, buenos días.", "Talleres López, buenas tardes, ¿en qué puedo ayudarle?"),
        (
            "Hola, ahora no puedo atenderte. Por favor, deja tu mensaje después de la señal.",
            "El número al que llama no está disponible en este momento. Deje su mensaje después de oír la señal.",
        ),
        (
            "Hola.|Soy Carmen, ahora no puedo contestar. Deja tu mensaje.",
            "Buenas.|Ha llamado a la familia García. Deje su mensaje después del tono.",
        ),
    ),
    Language(
        ("it",),
        ("Pronto?", "Sì, chi parla?", "Sì?", "Pronto, buongiorno."),
        ("Studio Rossi, buongiorno.", "Farmacia centrale, buonasera, come posso aiutarla?"),
        (
            "Salve, ora non sono in casa. Lasciate un messaggio dopo il segnale acustico.",
            "Il cliente da lei chiamato non è al momento raggiungibile. La preghiamo di richiamare più tardi.",
        ),
        (
            "Ciao.|Sono Giulia, in questo momento non posso rispondere. Lascia un messaggio.",
            "Buongiorno.|Risponde la segreteria telefonica di casa Bianchi. Parlate dopo il segnale.",
        ),
    ),
    Language(
        ("pt-br",),
        ("Alô?", "Pois não?", "Oi?", "Alô, quem fala?"),
        ("Clínica Santa Rita, bom dia.", "Oficina do Zé, boa tarde, em que posso ajudar?"),
        (
            "Olá, no momento não posso atender. Por favor, deixe seu recado após o sinal.",
            "O número chamado está desligado ou fora da área de cobertura. Deixe seu recado após o sinal.",
        ),
        (
            "Oi.|Aqui é o Bruno, agora não posso falar. Deixe seu recado.",
            "Olá.|Você ligou para a casa da família Souza. Deixe seu recado depois do bipe.",
        ),
    ),
)
