"""Calls to the module's own API, with tokens signed here."""

import base64
import hashlib
import hmac
import http.client
import json
import socket
import time

import state

DAY = 24 * 3600


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Client:

    def __init__(self, port, secret):
        self.port = port
        self.secret = secret

    def token(self, user, **claims):
        """A JWT, HS256, good for a day."""
        now = int(time.time())
        parts = {"alg": "HS256", "typ": "JWT"}, dict(
            {"sub": user, "iat": now, "exp": now + DAY}, **claims)

        text = ".".join(base64url(json.dumps(p, separators=(",", ":"))
                                  .encode()) for p in parts)
        mac = hmac.new(self.secret, text.encode(), hashlib.sha256).digest()

        return text + "." + base64url(mac)

    def call(self, method, path, token, body=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Authorization": "Bearer " + token,
                   "Accept-Language": "en"}

        if body is not None:
            body = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"

        try:
            c.request(method, path, body, headers)
            answer = c.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException) as e:
            raise state.Problem("%s %s: %s" % (method, path, e)) from None
        finally:
            c.close()

        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, {"error": text}

    def get(self, path, token):
        status, value = self.call("GET", path, token)

        if status != 200:
            raise state.Problem("GET %s: %d %s"
                                % (path, status, value.get("error")))

        return value

    def new_key(self, token, name):
        """The key object with its secret, as POST /keys answers it."""
        for _ in range(2):
            status, value = self.call("POST", "/api/ai-api/keys", token,
                                      {"name": name})
            if status == 201:
                return value

            if status != 409 or not self.remove_oldest(token, name):
                break

        raise state.Problem("POST /api/ai-api/keys: %d %s"
                            % (status, value.get("error")))

    def remove_oldest(self, token, name):
        """A user has at most 100 keys: each run makes new ones."""
        keys = self.get("/api/ai-api/keys", token)["keys"]

        for key in keys:
            if key["name"] == name:
                path = "/api/ai-api/keys/" + key["id"]
                return self.call("DELETE", path, token)[0] == 200

        return False
