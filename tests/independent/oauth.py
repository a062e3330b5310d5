"""A service that logs people in by the server, with Authlib, and checks the tokens as a resource does."""

import json
import os
import sys

import requests
import urllib3
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.jwk import KeySet

urllib3.disable_warnings()
issuer, client, secret, redirect = (os.environ[name] for name in ("ISSUER", "CLIENT", "SECRET", "REDIRECT"))
resource = os.environ["RESOURCE"]
about = requests.get(f"{issuer}/.well-known/openid-configuration", verify=False).json()
assert about["issuer"] == issuer

session = OAuth2Session(client, secret, scope="openid profile offline_access", redirect_uri=redirect, code_challenge_method="S256")
session.verify = False
# Else what the environment says of certificates comes first.
session.trust_env = False
verifier = generate_token(64)
url, state = session.create_authorization_url(about["authorization_endpoint"], code_verifier=verifier, resource=resource, nonce="n-1")
form = {"query": url.split("?", 1)[1], "name": os.environ["NAME"], "password": os.environ["PASSWORD"], "decision": "allow"}
answer = requests.post(about["authorization_endpoint"], data=form, verify=False, allow_redirects=False)
assert answer.status_code == 303, answer.text
token = session.fetch_token(
    about["token_endpoint"], authorization_response=answer.headers["location"], state=state, code_verifier=verifier
)
keys = KeySet.import_key_set(requests.get(about["jwks_uri"], verify=False).json())
access = jwt.decode(token["access_token"], keys, algorithms=["ES256"])
identity = jwt.decode(token["id_token"], keys, algorithms=["ES256"])
registry = jwt.JWTClaimsRegistry(iss={"essential": True, "value": issuer}, aud={"essential": True, "value": client})
registry.validate(identity.claims)
told = {
    "typ": access.header["typ"],
    "aud": access.claims["aud"],
    "client": access.claims["client_id"],
    "scope": access.claims["scope"],
    "nonce": identity.claims["nonce"],
    "name": identity.claims["preferred_username"],
    "userinfo": session.get(about["userinfo_endpoint"]).json(),
}
first = token["refresh_token"]
second = session.refresh_token(about["token_endpoint"], refresh_token=first)
told["rotated"] = second["refresh_token"] != first
told["revoked"] = session.revoke_token(about["revocation_endpoint"], token=second["refresh_token"]).status_code
session.token = second
told["afterwards"] = session.get(about["userinfo_endpoint"]).status_code
json.dump(told, sys.stdout)
