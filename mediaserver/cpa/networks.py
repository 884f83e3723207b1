"""The tones of telephone networks, as data: what each country plays for ringing, busy and congestion.

Sources: ITU-T E.180 and its Supplement 2 ("Various tones used in national networks", the list of 2003-02), for Great
Britain also BT's SIN 350; Japan tells congestion by its busy tone.
"""

from __future__ import annotations

from dataclasses import dataclass

from mediaserver.cpa.events import Sound


@dataclass(frozen=True, slots=True)
class NetworkTone:
    """Frequencies in hertz heard together, and milliseconds on, off, on, off ... of one cycle.

    `cycles` whole ones are heard before it is believed. `alternating`: every other time 10 dB softer.
    """

    sound: Sound
    hertz: tuple[float, ...]
    cadence: tuple[int, ...]
    cycles: int = 2
    alternating: bool = False


@dataclass(frozen=True, slots=True)
class Network:
    #: ISO 3166, or ITU for what E.180 recommends to all.
    country: str
    calling_code: str
    tones: tuple[NetworkTone, ...]


# country, calling code, then sound : hertz / milliseconds [* cycles] [~ alternating].
_TABLE = """
US 1    ringback:440+480/2000,4000*1  busy:480+620/500,500  reorder:480+620/250,250
GB 44   ringback:400+450/400,200,400,2000*1  busy:400/375,375  reorder:400/400,350,225,525*1
DE 49   ringback:425/1000,4000*1  busy:425/480,480  reorder:425/240,240
FR 33   ringback:440/1500,3500*1  busy:440/500,500  reorder:440/250,250
IT 39   ringback:425/1000,4000*1  busy:425/500,500  reorder:425/200,200
ES 34   ringback:425/1500,3000*1  busy:425/200,200*3  reorder:425/200,200,200,200,200,600*1
JP 81   ringback:400/1000,2000*1  busy:400/500,500
AU 61   ringback:413+438/400,200,400,2000*1  busy:425/375,375  reorder:425/375,375~
BR 55   ringback:425/1000,4000*1  busy:425/250,250  unobtainable:425/250,250,750,250*1
CN 86   ringback:450/1000,4000*1  busy:450/350,350  reorder:450/700,700
IN 91   ringback:400/400,200,400,2000*1  busy:400/750,750  reorder:400/250,250
ITU -   ringback:425/1000,4000*1  busy:425/500,500  reorder:425/250,250
"""


def _network(line: str) -> Network:
    country, code, *tones = line.split()
    return Network(country, code, tuple(map(_tone, tones)))


def _tone(text: str) -> NetworkTone:
    sound, _, rest = text.partition(":")
    hertz, _, cadence = rest.rstrip("~").partition("/")
    cadence, _, cycles = cadence.partition("*")
    return NetworkTone(
        Sound(sound),
        tuple(map(float, hertz.split("+"))),
        tuple(map(int, cadence.split(","))),
        int(cycles or 2),
        text.endswith("~"),
    )


NETWORKS: dict[str, Network] = {network.country: network for network in map(_network, _TABLE.strip().splitlines())}
RECOMMENDED = NETWORKS["ITU"]


def network_of(number: str) -> Network:
    """Of a number in E.164 with its plus; what E.180 recommends where the country is not in the table."""
    return next((one for one in NETWORKS.values() if number.startswith(f"+{one.calling_code}")), RECOMMENDED)
