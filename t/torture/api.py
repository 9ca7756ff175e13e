"""Calls to the management API, and who makes them while nginx is killed."""

import asyncio
import http.client
import json
import random
import time

import client
import state

PATIENCE = 60        # seconds for one call, whatever is killed


class Api(client.Client):

    def lines(self, path, token):
        status, body = self.ask("GET", path, token)

        return status, body.splitlines()

    def ask(self, method, path, token, body=None, **headers):
        """(0, b"") when there was no answer, or not all of it."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {name.replace("_", "-"): v for name, v in headers.items()}

        try:
            c.request(method, path, body and json.dumps(body), {
                **headers, "Authorization": "Bearer " + token})
            answer = c.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            c.close()


class Banker:
    """Gives credit to a prepaid user and more tokens to keys, all the time.

    A call that had no answer is made again, with its Idempotency-Key; one
    that had one is sometimes made again, too.
    """

    def __init__(self, api, seed, user, keys):
        self.api = api
        self.rnd = random.Random("%d/banker" % seed)
        self.user = user
        self.keys = keys
        self.admin = api.token("root", role="admin")
        self.credits = {}        # Idempotency-Key: nano-units
        self.repeated = 0
        self.limits = {key["id"]: 30000 for key in keys}
        self.wrong = []
        self.stopping = False

    def first(self):
        """Before the load: everything that is charged is prepaid."""
        self.credit(300000000)
        self.raise_limits()

        if self.wrong:
            raise state.Problem(self.wrong[0])

    async def run(self):
        while not self.stopping:
            amount = self.rnd.randrange(1, 50000000)

            await asyncio.to_thread(self.credit, amount)
            await asyncio.to_thread(self.raise_limits)
            await asyncio.sleep(0.1)

    def credit(self, nano):
        name = "credit-%d" % (len(self.credits) + 1)
        body = {"amount": "%d.%09d" % divmod(nano, 10 ** 9), "note": "x"}
        path = "/api/ai-api/admin/users/%s/credit" % self.user

        answer = self.surely("POST", path, body, Idempotency_Key=name)

        # nobody knows of a client that it had the answer
        if self.rnd.random() < 0.3 and answer != \
                self.surely("POST", path, body, Idempotency_Key=name):
            self.wrong.append("another answer to the same " + name)

        self.credits[name] = nano

    def raise_limits(self):
        for number in self.limits:
            self.limits[number] += self.rnd.randrange(1, 6000)

            self.surely("PATCH", "/api/ai-api/admin/keys/" + number,
                        {"usageLimit": self.limits[number]})

    def surely(self, method, path, body, **headers):
        """The answer's object, however often it takes to get it."""
        end = time.monotonic() + PATIENCE

        while time.monotonic() < end:
            status, answer = self.api.ask(method, path, self.admin, body,
                                          **headers)
            if status == 200:
                return json.loads(answer)

            if status not in (0, 502, 503, 504):
                break

            self.repeated += 1
            time.sleep(0.01)

        self.wrong.append("%s %s: %d %s" % (method, path, status,
                                            answer.decode()))

        return {}
