"""The control API's part for conversations: who takes part in a customer's, the sounds they hear, and who may call."""

from __future__ import annotations

from aiohttp import web

from common.conversation import Wish
from common.errors import Refused
from mediaserver.http_answers import answer, find_call, read_object
from mediaserver.switch.live import LiveCall
from mediaserver.switch.sounds import MAX_UPLOAD
from mediaserver.switch.switchboard import Switchboard

_CHUNK = 1 << 16


class ConversationsApi:
    def __init__(self, switchboard: Switchboard) -> None:
        self._board = switchboard

    @property
    def routes(self) -> list[web.RouteDef]:
        member = "/v1/calls/{attempt}/members/{call}"
        return [
            web.get("/v1/calls/{attempt}/members", self._members),
            web.put(member, self._put),
            web.delete(member, self._let_go),
            web.put("/v1/sounds/{name}", self._sound),
            web.put("/v1/incoming", self._incoming),
        ]

    async def _members(self, request: web.Request) -> web.Response:
        customer = self._call(request, "attempt")
        return answer({"members": self._board.bridges.members(customer.id)}, 200)

    async def _put(self, request: web.Request) -> web.Response:
        wish = Wish.from_json(await read_object(request, "what is to become of the member"))
        customer, call = self._call(request, "attempt"), self._call(request, "call")
        self._board.bridges.put(customer, call, wish)
        return answer({"members": self._board.bridges.members(customer.id)}, 200)

    async def _let_go(self, request: web.Request) -> web.Response:
        self._board.bridges.let_go(self._call(request, "attempt").id, request.match_info["call"])
        return answer({}, 200)

    async def _sound(self, request: web.Request) -> web.Response:
        data = bytearray()
        async for chunk in request.content.iter_chunked(_CHUNK):
            data += chunk
            if len(data) > MAX_UPLOAD:
                raise Refused(f"a sound has {MAX_UPLOAD >> 20} MB at most")
        seconds = await self._board.sounds.put(request.match_info["name"], bytes(data))
        return answer({"seconds": round(seconds, 3)}, 200)

    async def _incoming(self, request: web.Request) -> web.Response:
        self._board.incoming.configure(await read_object(request, "who may call"))
        return answer({}, 200)

    def _call(self, request: web.Request, name: str) -> LiveCall:
        return find_call(self._board.roster, request, name)
