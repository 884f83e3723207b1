"""Who comes all at once goes through a few at a time."""

from __future__ import annotations

import asyncio

from mediaserver.switch.sip.turnstile import Turnstile


def test_two_go_through_in_a_turn_of_the_loop_in_their_order_and_who_gave_up_holds_nobody() -> None:
    async def scene() -> None:
        turnstile, through = Turnstile(), list[int]()

        async def come(number: int) -> None:
            await turnstile.turn()
            through.append(number)

        comers = [asyncio.create_task(come(number)) for number in range(6)]
        await asyncio.sleep(0)
        comers[3].cancel()
        seen = []
        while len(through) < 5:
            await asyncio.sleep(0)
            seen.append(len(through))
        assert through == [0, 1, 2, 4, 5]
        assert max(after - before for before, after in zip([0, *seen], seen, strict=False)) <= 2
        await turnstile.turn()

    asyncio.run(scene())
