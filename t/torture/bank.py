"""After the torture: the ledger against the journals of both ends."""

import collections
import json
import re

import state

# what nginx itself says of kill -9
EXPECTED = re.compile(r"process \d+ exited on signal 9")
ALARMING = re.compile(r"\[(alert|emerg)\]|AddressSanitizer|runtime error:")


# the last request of a key (upstream.py plays a whole answer when N is 0000),
# and what the strict mode adds to its bytes
LAST = {"model": "llama3", "messages":
        [{"role": "user", "content": "torture 0000 honest"}]}
OVERHEAD = 512


class Bank:

    def __init__(self, api, requests, upstream, banker, keys):
        self.api = api
        self.keys = keys
        self.banker = banker
        self.requests = requests
        self.upstream = upstream
        self.root = api.token("root", role="admin")
        self.records = []
        self.by_id = {}
        self.used = []           # of limits
        self.file = {}           # the in-flight file's numbers
        self.wrong = []          # lines
        self.numbers = collections.Counter()

    def get(self, path, token=None):
        return self.api.get("/api/ai-api/" + path, token or self.root)

    def open(self):
        """Requests under way, as the in-flight file has them."""
        return self.get("admin/stats")["inFlight"]

    def read(self):
        after = 0

        while True:
            status, lines = self.api.lines(
                "/api/ai-api/admin/ledger?limit=10000&after=%d" % after,
                self.root)

            if status != 200:
                raise state.Problem("GET /admin/ledger: %d" % status)

            if not lines:
                break

            self.records += [json.loads(line) for line in lines]
            after = self.records[-1]["lsn"]

        for r in self.records:
            self.by_id.setdefault(r["requestId"], []).append(r)

    def check(self):
        self.read()
        self.order()
        self.answers()
        self.strangers()
        self.users()
        self.limits()

    def fail(self, name, text):
        self.numbers[name] += 1
        self.wrong.append("%s: %s" % (name, text))

    def order(self):
        for i, r in enumerate(self.records):
            if r["lsn"] != i + 1:
                self.fail("gap", "LSN %d where %d should be"
                          % (r["lsn"], i + 1))
                break

        # by the id of a request: at most one
        for number, records in self.by_id.items():
            if len(records) > 1:
                self.fail("doubled", "%s: LSN %s" % (
                    number, [r["lsn"] for r in records]))

    def answers(self):
        """Each request that has an id against its record."""
        for r in self.requests:
            if r.end.startswith(("hung", "broken")):
                self.fail(r.end.partition(":")[0], describe(r))

            if r.id is None:
                continue

            records = self.by_id.get(r.id, [])
            played = self.upstream.get(r.n)

            if r.whole and not records:
                self.fail("lost", describe(r))

            if played is None and not all(map(undelivered, records)):
                self.fail("invented", describe(r))

            if played is not None and not records:
                self.fail("unrecorded", describe(r))

            for record in records[:1]:
                self.compare(r, record, played)

    def compare(self, r, record, played):
        have = record["promptTokens"], record["completionTokens"]

        if record["keyId"] != r.key["id"]:
            self.fail("wrong key", describe(r))

        if r.whole and record["status"] not in ("ok", "cut_quota"):
            self.fail("wrong status", "%s: %s" % (describe(r),
                                                  record["status"]))

        if record["status"] == "worker_crash" and played is not None \
                and have[1] > played["eval"]:
            self.fail("wrong counts", "%s: %s in the ledger, Ollama said %s"
                      % (describe(r), have, played))

        if r.whole and r.counts is not None and have != r.counts:
            self.fail("wrong counts", "%s: %s in the ledger"
                      % (describe(r), have))

        # cut before the first piece: nothing is charged
        if have == (0, 0) and r.prefix == "/cut" and r.aborts:
            return

        # whole, or drained to its end for nobody
        if played is not None and record["status"] in ("ok", "client_abort") \
                and not record["estimated"] \
                and have != (played["prompt"], played["eval"]):
            self.fail("wrong counts", "%s: %s in the ledger, Ollama said %s"
                      % (describe(r), have, played))

    def strangers(self):
        """Records of requests whose client never saw a head."""
        known = {r.id for r in self.requests if r.id is not None}
        had = collections.defaultdict(list)
        asked = collections.defaultdict(list)

        for r in self.requests:
            if r.id is None:
                mute = had if r.n in self.upstream else asked
                mute[self.kind(r.key["id"], r.path)].append(r)

        strange = [record for record in self.records
                   if record["kind"] == "charge"
                   and record["requestId"] not in known]

        for record in sorted(strange, key=undelivered):
            self.numbers["without a client"] += 1
            kind = self.kind(record["keyId"], record["endpoint"])

            if had[kind]:
                had[kind].pop()
            elif undelivered(record) and asked[kind]:
                asked[kind].pop()
            else:
                self.fail("invented", "LSN %d: nobody asked for it"
                          % record["lsn"])

        for requests in had.values():
            for r in requests:
                self.fail("unrecorded", describe(r))

        for n, played in self.upstream.items():
            if played["count"] > 1:
                self.fail("sent twice", "request %d" % n)

    def kind(self, key, path):
        return key, path.rpartition("/")[2]

    def users(self):
        """The sums of each user, its keys' together, and the system's."""
        sums = collections.defaultdict(collections.Counter)

        for record in self.records:
            s = sums[record["user"]]
            if record["kind"] == "charge":
                s["requests"] += 1
                s["tokens"] += record["promptTokens"] \
                    + record["completionTokens"]
                s["cost"] += record["costNano"]
            elif record["kind"] == "credit":
                s["credit"] += record["costNano"]

        for user, s in sums.items():
            u = self.get("admin/users/" + user)
            have = u["requestCount"], u["usageCount"], nano(u["cost"])
            want = s["requests"], s["tokens"], s["cost"]

            if have != want:
                self.fail("wrong sum", "%s: %s, the ledger has %s"
                          % (user, have, want))

            if user == self.banker.user:
                self.balance(u, s)

        total = self.get("admin/stats")["total"]
        have = total["requests"], total["totalTokens"], nano(total["cost"])
        want = tuple(sum(s[name] for s in sums.values())
                     for name in ("requests", "tokens", "cost"))

        if have != want:
            self.fail("wrong sum", "the system: %s, the ledger has %s"
                      % (have, want))

    def limits(self):
        """What is never gone over, however many run at once and are killed:
        the number of requests, and in the strict mode everything."""
        for key in self.keys:
            mine = [r for r in self.records if r["keyId"] == key["id"]]
            tokens = sum(r["promptTokens"] + r["completionTokens"]
                         for r in mine)
            cost = sum(r["costNano"] for r in mine)
            limits = key["limits"]

            self.within(key, len(mine), limits.get("requestLimit"))

            if key["prefix"] == "/strict":
                self.within(key, tokens, self.banker.limits.get(key["id"]))
                self.within(key, cost, limits.get("costLimit")
                            and nano(limits["costLimit"]))

    def within(self, key, used, limit):
        if limit is not None and used > limit:
            self.fail("overrun", "key %s: %d of %d" % (key["name"], used,
                                                       limit))

        if limit is not None:
            self.used.append("%s %d of %d" % (key["name"], used, limit))

    def holds(self):
        """What the dead had held is not only gone from the file: each limit
        has room for exactly one request more."""
        by_name = {key["name"]: key for key in self.keys}

        self.last_one(by_name["e1"], "/api/ai-service/chat", "requestLimit",
                      1, "requestCount")
        self.last_one(by_name["s1"], "/strict/chat", "usageLimit",
                      len(json.dumps(LAST)) + OVERHEAD + 1, "usageCount")
        self.last_one(by_name["f1"], "/api/ai-service/chat", "rateLimits",
                      {"maxParallel": 1, "requestsPerMinute": None}, None)

    def last_one(self, key, path, name, more, used):
        owner = self.api.token(key["user"])
        places = [("keys/" + key["id"], owner),
                  ("admin/keys/" + key["id"], self.root)]

        # all keys of the user together
        if used is not None:
            places.append(("admin/users/" + key["user"], self.root))

        for place, token in places:
            limit = more if used is None \
                else self.get(place, token)[used] + more
            status, answer = self.api.call("PATCH", "/api/ai-api/" + place,
                                           token, {name: limit})
            if status != 200:
                self.fail("holds", "%s: %d %s" % (place, status, answer))

        status, answer = self.api.call("POST", path, key["key"], LAST)

        if status != 200:
            self.fail("holds", "key %s, %s: %d %s"
                      % (key["name"], name, status, answer))

        if name == "requestLimit" \
                and self.api.call("POST", path, key["key"], LAST)[0] != 429:
            self.fail("holds", "key %s: one more" % key["name"])

    def balance(self, user, sums):
        """Credits are the balance and the charges, and were given once."""
        given = sum(self.banker.credits.values())

        if sums["credit"] != given:
            self.fail("wrong balance", "%d was credited, the ledger has %d"
                      % (given, sums["credit"]))

        if sums["credit"] != nano(user["balance"]) + sums["cost"]:
            self.fail("wrong balance", "%s and charges of %d are not %d"
                      % (user["balance"], sums["cost"], sums["credit"]))

        for text in self.banker.wrong:
            self.fail("banker", text)

    def slots(self, text):
        """Of the in-flight file: nobody is in it, nothing is held."""
        self.file = json.loads(text)
        crashed = sum(r["status"] == "worker_crash" for r in self.records)
        taken = {name: n for name, n in self.file["slots"].items()
                 if n != 0 and name != "free"}

        if taken or self.file["heldTokens"] or self.file["heldCost"] != "0":
            self.fail("held", text)

        if self.file["failed"] or self.file["commitError"] is not None:
            self.fail("failed", text)

        # a commit that was not noted is a replay when it is made again
        if self.file["crashed"] < crashed:
            self.fail("crashed", "%d records of crashed workers, %s"
                      % (crashed, text))

    def verified(self, code, text):
        """ai-apictl verify, by arithmetic of its own."""
        if code != 0:
            self.fail("verify", "%d: %s" % (code, text))

    def log(self, lines):
        for line in lines:
            if ALARMING.search(line) and not EXPECTED.search(line):
                self.fail("log", line)


def undelivered(record):
    """A worker that is killed while it sends the last bytes of a request has
    said so before: a record of nothing, whether Ollama has them or not."""
    return record["status"] == "worker_crash" and not record["httpStatus"] \
        and not record["promptTokens"] and not record["completionTokens"]


def nano(text):
    """Money is a decimal string: exactly."""
    whole, _, rest = text.partition(".")
    value = int(whole.lstrip("-") + rest.ljust(9, "0"))

    return -value if text.startswith("-") else value


def describe(r):
    return "request %d %s %s: key %s, stream %s, status %d, %s, counts %s" % (
        r.n, r.id, r.path, r.key["name"], r.streams, r.status, r.end,
        r.counts)
