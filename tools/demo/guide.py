"""The curl lines: one or two for every endpoint, ready to be pasted."""

import os
import urllib.parse

KEY, X_API_KEY, USER, ADMIN = range(4)

# the keys that a run makes: one to use, and two that the examples spoil
KEYS = ("make run", "make run: spare 1", "make run: spare 2")

CHAT = '{"model":"%s","messages":[{"role":"user","content":"%s"}]%s}'
GENERATE = '{"model":"%s","prompt":"%s"%s}'
SHORT = ',"options":{"num_predict":48}'
STREAM = ',"stream":true' + SHORT
WHOLE = ',"stream":false' + SHORT

ZH = "你好，请写一首关于春天的诗"
EN = "Why is the sky blue?"


def show(session, model):
    print("Credentials (the tokens are good for 24 hours)")
    print("  API key   %s" % session.keys[0]["key"])
    print("  user      %s" % session.user)
    print("  admin     %s" % session.admin)

    lines = Lines(session)
    lines.section("AI service, with the API key / AI 服务，使用 API 密钥")
    service(lines, model)
    lines.section("The same as Ollama's own API / 与 Ollama 原生接口相同")
    native(lines, model)
    lines.section("A user's keys and usage, with his JWT / 用户：密钥与用量")
    user(lines, *[key["id"] for key in session.keys])
    lines.section("Administration, with an admin's JWT / 管理员")
    admin(lines, *[session.keys[i]["id"] for i in (0, 2)])
    print()


def service(lines, model):
    at = "/api/ai-service"

    lines.add("models and prices / 模型与价格", KEY, "GET", at + "/models")
    lines.add("chat, one JSON object / 对话", KEY, "POST", at + "/chat",
              CHAT % (model, ZH, SHORT))
    lines.add("chat, streamed", KEY, "POST", at + "/chat",
              CHAT % (model, EN, STREAM))
    lines.add("generate, one JSON object", KEY, "POST", at + "/generate",
              GENERATE % (model, EN, SHORT))
    lines.add("generate, streamed / 生成，流式", KEY, "POST",
              at + "/generate", GENERATE % (model, ZH, STREAM))
    lines.add("what this key has used and has left / 本密钥用量与余额",
              X_API_KEY, "GET", at + "/usage")
    lines.add("the charge of one request, here this key's first / 单次请求的费用",
              KEY, "GET", at + "/usage/" + lines.first_request())


def native(lines, model):
    at = "/api/ai-service"

    lines.add("", KEY, "GET", at + "/")
    lines.add("", KEY, "GET", at + "/api/version")
    lines.add("", KEY, "GET", at + "/api/tags")
    lines.add("", KEY, "POST", at + "/api/show", '{"model":"%s"}' % model)
    lines.add("streamed, as Ollama does when not told / 默认流式", KEY, "POST",
              at + "/api/chat", CHAT % (model, EN, SHORT))
    lines.add("", KEY, "POST", at + "/api/chat", CHAT % (model, ZH, WHOLE))
    lines.add("", KEY, "POST", at + "/api/generate",
              GENERATE % (model, ZH, SHORT))
    lines.add("", KEY, "POST", at + "/api/generate",
              GENERATE % (model, EN, WHOLE))


def user(lines, mine, lost, spare):
    at = "/api/ai-api"

    lines.add("a new key; its secret is shown only now / 新建密钥，仅显示一次",
              USER, "POST", at + "/keys", '{"name":"我的密钥"}')
    lines.add("a key that may use 100,000 tokens", USER, "POST", at + "/keys",
              '{"name":"My API Key","usageLimit":100000}')
    lines.add("all keys / 密钥列表", USER, "GET", at + "/keys?limit=10")
    lines.add("one key", USER, "GET", at + "/keys/" + mine)
    lines.add("change a key / 修改密钥", USER, "PATCH", at + "/keys/" + spare,
              '{"name":"演示 demo","requestLimit":1000}')
    lines.add("a new secret for a key / 更换密钥", USER, "POST",
              at + "/keys/" + spare + "/rotate", '{"graceSeconds":60}')
    lines.add("delete a key / 删除密钥", USER, "DELETE", at + "/keys/" + lost)
    lines.add("the bill / 账单", USER, "GET", at + "/usage")
    lines.add("the bill by hour and model, in China's time", USER, "GET",
              at + "/usage?groupBy=hour,model&tz=%2B08:00")


def admin(lines, mine, blocked):
    at = "/api/ai-api/admin"

    lines.add("everybody's keys / 所有密钥", ADMIN, "GET", at + "/keys?limit=10")
    lines.add("", ADMIN, "GET", at + "/keys?user=alice")
    lines.add("", ADMIN, "GET", at + "/keys/" + mine)
    lines.add("disable a key / 停用密钥", ADMIN, "PATCH",
              at + "/keys/" + blocked, '{"isActive":false}')
    lines.add("statistics of all / 全局统计", ADMIN, "GET", at + "/stats")
    lines.add("users / 用户", ADMIN, "GET", at + "/users")
    lines.add("", ADMIN, "GET", at + "/users/alice")
    lines.add("limit a user / 限制用户", ADMIN, "PATCH", at + "/users/alice",
              '{"usageLimit":1000000}')
    lines.add("money for a user, prepaid from now on / 充值", ADMIN, "POST",
              at + "/users/alice/credit",
              '{"amount":"100.00","note":"make run"}', "Idempotency-Key: 1")
    lines.add("who changed what / 审计", ADMIN, "GET", at + "/audit?limit=20")
    lines.add("every charge, one a line / 账本", ADMIN, "GET",
              at + "/ledger?limit=100")


class Lines:

    def __init__(self, session):
        self.base = "http://127.0.0.1:%d" % session.api.port
        key = session.keys[0]
        bearer = "Authorization: Bearer "
        self.credentials = {KEY: bearer + key["key"],
                            X_API_KEY: "X-API-Key: " + key["key"],
                            USER: bearer + session.user,
                            ADMIN: bearer + session.admin}
        self.first = key["id"]

        # a proxy of the environment is not for this machine's own address
        proxied = any(v in os.environ for v in
                      ("http_proxy", "all_proxy", "ALL_PROXY"))
        self.curl = "curl --noproxy '*' -sS" if proxied else "curl -sS"

    def section(self, title):
        print("\n== %s" % title)

    def add(self, note, who, method, path, body=None, header=None):
        print(("\n# %s" % note) if note else "")
        print(self.line(who, method, path, body, header))

    def line(self, who, method, path, body=None, header=None):
        words = [self.curl + "N" if streams(path, body) else self.curl]

        if method not in ("GET", "POST"):
            words.append("-X " + method)

        # "$(…)" has to be seen by the shell, "&" and "?" have not
        quote = '"' if "$(" in path else "'"
        words.append(quote + self.base + path + quote)
        words.append("-H '%s'" % self.credentials[who])

        if header is not None:
            words.append("-H '%s'" % header)

        if body is not None:
            words.append("-H 'Content-Type: application/json'")
            words.append("-d '%s'" % body)

        return " ".join(words)

    def first_request(self):
        """The shell's way to an id: the ledger's first line of this key."""
        query = urllib.parse.urlencode({"key": self.first, "limit": 1})
        return "$(%s | sed 's/.*\"requestId\":\"\\([0-9a-f]*\\)\".*/\\1/')" \
            % self.line(ADMIN, "GET", "/api/ai-api/admin/ledger?" + query)


def streams(path, body):
    if body is None or '"stream":false' in body:
        return False

    return '"stream":true' in body \
        or path.endswith(("/api/chat", "/api/generate"))
