"""An assistant by the Model Context Protocol's own SDK, of the revision in force and of the one before: it asks without a token, finds
whom to ask for one, has its person allow what it asks for, lists the tools and uses some, and comes again for what it lacks."""

import asyncio
import json
import os
import sys
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp.client import session as mcp_session
from mcp.client.auth import OAuthClientProvider
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata

issuer, client, redirect = (os.environ[name] for name in ("ISSUER", "CLIENT", "REDIRECT"))
url = f"{issuer}/mcp"

# Seconds for an answer, and for finding out the revision, in which the person logs in: a busy machine takes longer than both allow.
patience = 120
mcp_session.DISCOVER_TIMEOUT_SECONDS = patience


class Kept:
    """What an assistant keeps: its registration, which its person typed in, and its tokens."""

    def __init__(self):
        self.tokens = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return OAuthClientInformationFull(
            client_id=client, redirect_uris=[redirect], token_endpoint_auth_method="none", issuer=issuer
        )

    async def set_client_info(self, info):
        raise AssertionError("it is registered already")


class Person:
    """Whoever looks at the page that asks, and allows it."""

    def __init__(self):
        self.asked, self.back = [], None

    async def look(self, address):
        query = urlsplit(address).query
        self.asked.append(parse_qs(query)["scope"][0])
        form = {"query": query, "name": os.environ["NAME"], "password": os.environ["PASSWORD"], "decision": "allow"}
        async with httpx2.AsyncClient(verify=False, timeout=patience) as browser:
            answer = await browser.post(f"{issuer}/oauth/authorize", data=form)
        assert answer.status_code == 303, answer.text
        self.back = parse_qs(urlsplit(answer.headers["location"]).query)

    async def come_back(self):
        one = {name: values[0] for name, values in self.back.items()}
        return AuthorizationCodeResult(code=one["code"], state=one.get("state"), iss=one.get("iss"))


async def ask(mode):
    kept, person = Kept(), Person()
    metadata = OAuthClientMetadata(client_name="Test", redirect_uris=[redirect], token_endpoint_auth_method="none")
    auth = OAuthClientProvider(url, metadata, kept, person.look, person.come_back)
    async with httpx2.AsyncClient(verify=False, auth=auth, timeout=patience) as http:
        async with Client(streamable_http_client(url, http_client=http), mode=mode) as session:
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            who = await session.call_tool("list", {})
            wrong = await session.call_tool("get_channel", {"channel": "soon"})
            made = await session.call_tool("create_channel", {"name": f"Made {mode}"})
            channel = made.structured_content["answer"]["id"]
            gone = await session.call_tool("remove_channel", {"channel": channel})
            return {
                "version": session.protocol_version,
                "tools": sorted(tools),
                "destructive": sorted(name for name, tool in tools.items() if tool.annotations.destructive_hint),
                "readOnly": sorted(name for name, tool in tools.items() if tool.annotations.read_only_hint),
                "channels": [one["name"] for one in who.structured_content["answer"]["snapshot"]["channels"]],
                "about": who.structured_content["about"],
                "text": json.loads(who.content[0].text) == who.structured_content,
                "wrong": [wrong.is_error, wrong.structured_content["code"]],
                "gone": [gone.is_error, gone.structured_content],
                "asked": person.asked,
            }


async def main():
    json.dump({mode: await ask(mode) for mode in ("auto", "legacy")}, sys.stdout)


asyncio.run(main())
