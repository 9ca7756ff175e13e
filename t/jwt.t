# JSON Web Tokens on the management paths: who is let in, and as whom.

use lib 't/lib';
use AiApi;
use MIME::Base64 qw(encode_base64url);
use Test::Nginx::Socket 'no_plan';


sub claims {
    return { sub => "alice", exp => time() + 3600, @_ };
}


sub ask {
    my ($token, $path, %headers) = @_;

    return api("GET", "/api/ai-api/" . ($path || "keys"), undef, $token, %headers);
}


sub let_in {
    my ($token, $name) = @_;

    is(ask($token)->{status}, 200, $name);
}


sub kept_out {
    my ($token, $name) = @_;

    my $r = ask($token);

    refused($r, 401, "AUTHENTICATION_ERROR", $name);
    is($r->{body}, ask()->{body}, "$name: the one body of all");
}


# A token of any header and payload bytes, well signed

sub token {
    my ($header, $payload) = @_;

    require Digest::SHA;

    my $text = encode_base64url($header) . "." . encode_base64url($payload);

    return "$text." . encode_base64url(
        Digest::SHA::hmac_sha256($text, $AiApi::Setup::secret));
}


run_tests();

__DATA__

=== TEST 1: no token at all, or something else
--- steps
refused(ask(), 401, "AUTHENTICATION_ERROR", "no header");

for my $value ("", "Bearer", "Bearer ", "Basic YWxpY2U6eA==", "Digest x", "x",
               "Bearer x", "Bearer x.y", "Bearer ..", "Bearer a.b.c.d",
               "Bearer " . jwt("alice") . " x")
{
    refused(request("GET", "/api/ai-api/keys", undef, Authorization => $value),
            401, "AUTHENTICATION_ERROR", "Authorization: $value");
}

refused(ask(key()), 401, "AUTHENTICATION_ERROR", "an API key");
refused(request("GET", "/api/ai-api/keys", undef, "X-API-Key" => key()), 401,
        "AUTHENTICATION_ERROR", "X-API-Key");



=== TEST 2: the case of Bearer, and one body for every 401
--- steps
for my $scheme (qw(Bearer bearer BEARER bEaReR)) {
    is(request("GET", "/api/ai-api/keys", undef,
               Authorization => "$scheme " . jwt("alice"))->{status}, 200, $scheme);
}

kept_out("x", "rubbish");



=== TEST 3: signatures
--- steps
my $good = jwt("alice");
my ($header, $payload, $signature) = split /\./, $good;

let_in($good, "the token");
kept_out(jwt(claims(), "another secret of thirty-two bytes, or more"), "secret");
kept_out("$header.$payload.", "no signature");
kept_out("$header.$payload", "two parts");
kept_out("$header.$payload.$signature.", "four parts");
kept_out("$header.$payload.$signature=", "padding");
kept_out("$header.$payload.${signature}A", "a character more");
kept_out("$header.$payload." . substr($signature, 0, -1), "one less");

(my $odd = $signature) =~ tr{A-Ya-y}{B-Zb-z};
kept_out("$header.$payload.$odd", "another signature");

# 32 bytes leave two bits over in the last character, which must be zero
my $alphabet = join "", "A" .. "Z", "a" .. "z", 0 .. 9, "-", "_";
my $last = index $alphabet, substr $signature, -1;
kept_out("$header.$payload." . substr($signature, 0, -1)
         . substr($alphabet, $last | 1, 1), "odd trailing bits");

(my $plus = $good) =~ tr{_-}{/+};
kept_out($plus, "the other base64") if $plus ne $good;
kept_out(jwt(claims(sub => "bob")) =~ s/^[^.]+\.[^.]+/$header.$payload/r,
         "another's signature");



=== TEST 4: algorithms and headers
--- steps
my @wrong = (
    { alg => "none" }, { alg => "None" }, { alg => "HS384" }, { alg => "HS512" },
    { alg => "hs256" }, { alg => "RS256" }, { alg => "" }, { alg => undef },
    { typ => "JWT" }, {}, { alg => ["HS256"] },
    { alg => "HS256", typ => "JWE" }, { alg => "HS256", typ => "" },
    { alg => "HS256", typ => 1 }, { alg => "HS256", cty => "JWT" },
    { alg => "HS256", crit => [] }, { alg => "HS256", zip => "DEF" },
    { alg => "HS256", b64 => JSON::PP::true }, { alg => "HS256", jwk => {} },
    { alg => "HS256", jku => "http://127.0.0.1/" }, { alg => "HS256", x5c => [] },
    { alg => "HS256", x5u => "http://127.0.0.1/" }, { alg => "HS256", foo => 1 },
);

kept_out(jwt(claims(), undef, $_), json($_)) for @wrong;

let_in(jwt(claims(), undef, $_), json($_))
    for { alg => "HS256" }, { alg => "HS256", typ => "JWT" },
        { alg => "HS256", typ => "jwt" }, { alg => "HS256", typ => "at+jwt" },
        { alg => "HS256", typ => "AT+JWT" };

my ($header, $payload) = split /\./, jwt("alice");
my $none = encode_base64url('{"alg":"none"}');

kept_out("$none.$payload.", "alg none, no signature");



=== TEST 5: times
--- steps
my $now = time();

kept_out(jwt({ sub => "alice" }), "no exp");
kept_out(jwt(claims(exp => $now - 1)), "expired a second ago");
kept_out(jwt(claims(exp => $now)), "now is too late");
let_in(jwt(claims(exp => $now + 300)), "in five minutes");
let_in(jwt(claims(exp => $now + 300.75)), "a fraction");
kept_out(jwt(claims(exp => $now + 0.0)), "a fraction is cut");
kept_out(jwt(claims(exp => $_)), json($_))
    for "", "9999999999", undef, [], {}, JSON::PP::true, -1, 0;
kept_out(token('{"alg":"HS256"}', '{"sub":"alice","exp":9007199254740993}'),
         "more than 2^53");
kept_out(token('{"alg":"HS256"}', '{"sub":"alice","exp":1e400}'), "1e400");
let_in(token('{"alg":"HS256"}', '{"sub":"alice","exp":9007199254740991}'), "2^53-1");

let_in(jwt(claims(nbf => $now - 5, iat => $now - 5)), "nbf, iat in the past");
kept_out(jwt(claims(nbf => $now + 600)), "nbf in the future");
kept_out(jwt(claims(iat => $now + 600)), "iat in the future");
kept_out(jwt(claims(nbf => "x")), "nbf is no number");
kept_out(jwt(claims(iat => "x")), "iat is no number");



=== TEST 6: exp, to the second
--- steps
my $exp = time() + 3;
my $token = jwt(claims(exp => $exp));

# the server's second lies between these two
for ( ;; ) {
    my $before = Time::HiRes::time();
    my $status = ask($token)->{status};
    my $after = Time::HiRes::time();

    if ($after < $exp) {
        next if $status == 200;
        is($status, 200, "before exp");
        last;
    }

    if ($before >= $exp) {
        is($status, 401, "from exp on");
        last;
    }
}



=== TEST 7: ai_api_jwt_leeway
--- http_config
    ai_api_jwt_leeway 600s;
--- steps
let_in(jwt(claims(exp => time() - 300)), "expired five minutes ago");
kept_out(jwt(claims(exp => time() - 601)), "ten minutes and a second");
let_in(jwt(claims(nbf => time() + 300, iat => time() + 300)), "not yet");
kept_out(jwt(claims(nbf => time() + 900)), "too early");



=== TEST 8: sub
--- steps
let_in(jwt(claims(sub => $_)), "sub $_")
    for "a", "x" x 128, "alice\@example.com", "a b", "a:b", "...", "-";
let_in(jwt(claims(sub => "\x{738b}\x{82b3}")), "a name in Chinese");

kept_out(jwt(claims(sub => $_)), "sub " . json($_))
    for "", "x" x 129, ".", "..", "a/b", "a?b", "a#b", "a%b", "a\nb", "a\x00b",
        "a\x7fb", "\x{738b}" x 43, 5, undef, ["alice"], {}, JSON::PP::true;
kept_out(jwt({ exp => time() + 60 }), "no sub");
kept_out(token('{"alg":"HS256"}', "{\"sub\":\"a\xff\",\"exp\":9999999999}"),
         "not UTF-8");



=== TEST 9: JSON to the letter
--- steps
my $claims = '"sub":"alice","exp":9999999999';

let_in(token('{"alg":"HS256"}', "{$claims}"), "the plain one");
let_in(token("{ \"alg\"\n: \"HS256\" }", " {$claims, \"x\": {\"a\": [1]}}\n"), "blanks");
kept_out(token('{"alg":"HS256"}', $_), $_)
    for "{$claims,}", "{$claims}x", "[$claims]", "{$claims,\"sub\":\"bob\"}",
        "{$claims,\"s\\u0075b\":\"bob\"}", "{$claims,\"x\":1,\"x\":1}",
        "{'sub':'alice','exp':9999999999}", "{$claims,\"x\":01}",
        "\xef\xbb\xbf{$claims}", "", "null", "{$claims,\"x\":\"\x01\"}";
kept_out(token($_, "{$claims}"), $_)
    for '{"alg":"HS256","alg":"HS256"}', '{"alg":"HS256"}x', '["HS256"]', "",
        '{"alg":"HS256",}';



=== TEST 10: size
--- steps
let_in(jwt(claims(x => "x" x 5000)), "under 8 KiB");

my $r = ask(jwt(claims(x => "x" x 7000)));
is($r->{status}, 401, "over 8 KiB") or diag($r->{body});
--- http_config
    large_client_header_buffers 4 32k;



=== TEST 11: administrators
--- steps
my $user = ask(jwt("alice"), "admin/keys");

refused($user, 403, "ADMIN_REQUIRED", "a user");

for my $role ("admin", ["admin"], ["user", "admin"]) {
    is(ask(jwt(claims(role => $role)), "admin/keys")->{status}, 200, json($role));
}

for my $role ("Admin", "ADMIN", "administrator", "admin ", "", undef, [], ["user"],
              ["admins"], [["admin"]], { admin => 1 }, JSON::PP::true, 1, "user,admin")
{
    is(ask(jwt(claims(role => $role)), "admin/keys")->{status}, 403, "role " . json($role));
}

for my $path (qw(admin/keys admin/stats admin/ledger)) {
    refused(ask(jwt("alice"), $path), 403, "ADMIN_REQUIRED", $path);
    refused(ask(undef, $path), 401, "AUTHENTICATION_ERROR", "$path, no token");
}

refused(api("PATCH", "/api/ai-api/admin/keys/key_" . "0" x 22,
            { isActive => JSON::PP::false }, jwt("alice")), 403, "ADMIN_REQUIRED",
        "PATCH, before it is looked for");



=== TEST 12: an administrator is a user too
--- steps
my $token = jwt(claims(sub => "root", role => "admin"));

is(api("POST", "/api/ai-api/keys", { name => "mine" }, $token)->{status}, 201, "POST");
is(scalar @{ ask($token)->{json}{keys} }, 1, "own keys");
is(scalar @{ ask(jwt("alice"))->{json}{keys} }, 0, "not alice's");



=== TEST 13: two credentials
--- steps
refused(ask(jwt("alice"), "keys", "X-API-Key" => key()), 400, "INVALID_REQUEST",
        "Authorization and X-API-Key");
refused(ask(jwt("alice"), "keys", "X-API-Key" => jwt("alice")), 400,
        "INVALID_REQUEST", "even when equal");



=== TEST 14: two Authorization headers
--- raw_request eval
"GET /api/ai-api/keys HTTP/1.1\r\nHost: localhost\r\nConnection: close\r
Authorization: Bearer {{jwt}}\r\nAuthorization: Bearer {{jwt}}\r\n\r\n"
--- error_code: 400



=== TEST 15: issuer, audience
--- http_config
    ai_api_jwt_issuer   https://id.example.com;
    ai_api_jwt_audience ai-api;
--- steps
my @good = (iss => "https://id.example.com", aud => "ai-api");

let_in(jwt(claims(@good)), "both");
let_in(jwt(claims(@good, aud => ["x", "ai-api"])), "aud in a list");
kept_out(jwt(claims(@good, iss => $_)), "iss " . json($_))
    for undef, "", "https://id.example.com/", "x", ["https://id.example.com"];
kept_out(jwt(claims(@good, aud => $_)), "aud " . json($_))
    for undef, "", "x", [], ["x"], "AI-API", {};
kept_out(jwt(claims()), "neither");



=== TEST 16: other claims for user and role
--- http_config
    ai_api_jwt_user_claim preferred_username;
    ai_api_jwt_role_claim groups;
--- steps
my %claims = (preferred_username => "carol", groups => ["admin"]);

is(api("POST", "/api/ai-api/keys", { name => "x" }, jwt(claims(%claims)))->{status},
   201, "POST");

my $r = ask(jwt(claims(%claims)), "admin/keys");

is($r->{status}, 200, "an administrator by that claim");
is($r->{json}{keys}[0]{user}, "carol", "a user by that claim");
kept_out(jwt(claims(groups => "admin")), "the claim is missing");
is(ask(jwt(claims(preferred_username => "x", role => "admin")), "admin/keys")
   ->{status}, 403, "role is not the claim");



=== TEST 17: HS512 by directive
--- config
    location /api/ai-api/ {
        ai_api_manage;
        ai_api_jwt_key_file $TEST_NGINX_STATE/jwt.key alg=HS512;
    }
--- steps
require Digest::SHA;

my $text = encode_base64url('{"alg":"HS512"}') . "."
    . encode_base64url(json(claims()));

let_in("$text." . encode_base64url(
           Digest::SHA::hmac_sha512($text, $AiApi::Setup::secret)), "HS512");
kept_out(jwt("alice"), "HS256");



=== TEST 18: the language of the error
--- steps
for my $case (["en", 1], ["en-US,en;q=0.9", 1], ["zh-CN,zh;q=0.9,en;q=0.8", 0],
              ["fr", 0], ["en;q=0.1,zh;q=0.9", 0], ["fr,en;q=0.5", 1], ["en;q=0", 0],
              ["zh;q=0.5, en;q=0.7", 1], ["*", 0], ["", 0], ["EN", 1], [undef, 0],
              [";;;,,q=", 0], ["english", 0])
{
    my ($value, $english) = @$case;
    my $r = ask(undef, "keys", "Accept-Language" => $value);
    my $name = defined $value ? "Accept-Language: $value" : "no Accept-Language";

    refused($r, 401, "AUTHENTICATION_ERROR", $name,
            $english ? qr/^[ -~]{5,}$/ : undef);
}



=== TEST 19: one language by directive
--- http_config
    ai_api_error_language en;
--- steps
refused(ask(undef, "keys", "Accept-Language" => "zh"), 401, "AUTHENTICATION_ERROR",
        "English", qr/^[ -~]{5,}$/);
