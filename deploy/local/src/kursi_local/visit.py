"""What `run` does with a platform that is up: demonstration data, the main job, and where everything is."""

from __future__ import annotations

import asyncio
import time

import httpx

from kursi_local import story
from kursi_local.client import Api, Refused
from kursi_local.narration import Narrator
from kursi_local.patience import TookTooLong
from kursi_local.platform import NotRunning, Platform
from kursi_local.seed import demo_plan, seed

_BROKEN = (story.StoryBroke, Refused, TookTooLong, httpx.HTTPError, NotRunning)


class Visit:
    """One visit. `went_well` says afterwards whether everything came out as told."""

    def __init__(self, platform: Platform, *, with_story: bool) -> None:
        self._platform = platform
        self._with_story = with_story
        self._narrator = Narrator()
        self._is_over = False
        self.went_well = True

    async def until_over(self, stopping: asyncio.Event) -> None:
        """Make the visit, in a thread. Returns early when the platform is to stop: the thread ends with it."""
        visit = asyncio.create_task(asyncio.to_thread(self._make))
        stop = asyncio.create_task(stopping.wait())
        await asyncio.wait({visit, stop}, return_when=asyncio.FIRST_COMPLETED)
        self._is_over = True
        stop.cancel()
        if visit.done():
            visit.result()

    def _make(self) -> None:
        try:
            with Api.of(self._platform) as api:
                self._seed(api)
                if self._with_story:
                    story.play(api, self._narrator)
        except _BROKEN as failure:
            if self._is_over:
                return  # the platform went away under the visit
            self.went_well = False
            self._narrator.warning(f"{failure}. The logs are in {self._platform.data / 'logs'}.")
        if not self._is_over:
            self._say_where()

    def _seed(self, api: Api) -> None:
        began = time.monotonic()
        if seed(api):
            self._narrator.line(f"demonstration data made in {time.monotonic() - began:.1f} s")

    def _say_where(self) -> None:
        narrator, platform = self._narrator, self._platform
        narrator.title("Where everything is")
        narrator.line(f"  REST API        {platform.base_url}/v1")
        narrator.line(f"  documentation   {platform.base_url}/docs")
        narrator.line(f"  OpenAPI         {platform.base_url}/openapi.json")
        narrator.line(
            f"  what was sent   {platform.url('simulators.control')}/ (codes, texts, mails, payments)"
        )
        narrator.title("Who you can be: ask for a code with a number, read it at “what was sent”")
        for name, person in demo_plan()["people"].items():
            narrator.line(f"  {person['phone']:<15} {_part(name)}")
        narrator.line("\nThe newest codes: `make codes` in another terminal. Ctrl-C stops everything.")


def _part(name: str) -> str:
    """What somebody of the plan is there for."""
    plan = demo_plan()
    parts = ["platform admin"] if name == "admin" else []
    for salon in plan["salons"].values():
        english = salon["salon"]["names"]["en"]
        if salon["owner"] == name:
            parts.append(f"owner of {english}")
        if role := salon["members"].get(name):
            parts.append(f"{role.lower()} at {english}")
    return ", ".join(parts) or "customer"
