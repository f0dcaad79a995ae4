"""The yardstick: an aiohttp server that passes each call to an aiohttp client, and does nothing else."""

import sys

import aiohttp
import uvloop
from aiohttp import web

UPSTREAM = sys.argv[2]


async def serve() -> web.Application:
    """The proxy on the port given first."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=None), auto_decompress=False
    )

    async def forward(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        async with session.post(
            UPSTREAM + request.path, data=body, headers={"content-type": "application/json"}
        ) as got:
            if got.headers.get("content-type", "").startswith("text/event-stream"):
                response = web.StreamResponse(headers={"content-type": "text/event-stream"})
                await response.prepare(request)
                async for chunk in got.content.iter_any():
                    await response.write(chunk)
                return response
            return web.Response(status=got.status, body=await got.read(), content_type="application/json")

    app = web.Application()
    app.router.add_post("/{path:.*}", forward)
    app.on_cleanup.append(lambda _: session.close())
    return app


if __name__ == "__main__":
    uvloop.install()
    web.run_app(serve(), host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
