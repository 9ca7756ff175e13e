# API keys, as their owner sees them: made, listed, read, changed, deleted.

use lib 't/lib';
use AiApi;
use Test::Nginx::Socket 'no_plan';

use vars qw($keys @members);

$keys = "/api/ai-api/keys";
@members = qw(id name prefix last4 isActive disabledBy usageLimit usageCount
              requestLimit requestCount costLimit cost limits rateLimits
              models allowedIps createdAt expiresAt lastUsedAt);


sub alice {
    my ($method, $path, $body) = @_;

    return api($method, $keys . $path, $body, jwt("alice"));
}


# CRC-32 as zlib's, six characters of base 62

sub checksum {
    my ($text) = @_;

    my $crc = 0xffffffff;

    for my $byte (unpack "C*", $text) {
        $crc ^= $byte;
        $crc = $crc & 1 ? ($crc >> 1) ^ 0xedb88320 : $crc >> 1 for 1 .. 8;
    }

    $crc ^= 0xffffffff;

    my @digits = (0 .. 9, "A" .. "Z", "a" .. "z");
    my $out = "";

    for (1 .. 6) {
        $out = $digits[$crc % 62] . $out;
        $crc = int($crc / 62);
    }

    return $out;
}


run_tests();

__DATA__

=== TEST 1: a new key: the whole object, and the secret
--- steps
my $r = alice("POST", "", { name => "My API Key", usageLimit => 1000000 });
my $k = $r->{json};

is($r->{status}, 201, "made");
is($r->{headers}{"content-type"}, "application/json; charset=utf-8", "type");
is($r->{headers}{"cache-control"}, "no-store", "no-store");
like($r->{headers}{"x-request-id"}, qr/^[0-9a-f]{32}$/, "X-Request-Id");
is(join(" ", grep { !/^(?:key|adminLimits)$/ } members($r->{body})),
   join(" ", @members), "the members, in the document's order");
like($k->{key}, qr/^aik_[0-9A-Za-z]{49}$/, "the secret");
is(substr($k->{key}, 47), checksum(substr($k->{key}, 0, 47)), "checksum");
like($k->{id}, qr/^key_[0-9A-Za-z]{22}$/, "id");
is($k->{name}, "My API Key", "name");
is($k->{prefix}, substr($k->{key}, 0, 8), "prefix");
is($k->{last4}, substr($k->{key}, -4), "last4");
is($r->{body} =~ /"isActive":true,"disabledBy":null,/, 1, "active");
is($r->{body} =~ /"usageLimit":1000000,"usageCount":0,"requestLimit":null,/,
   1, "limits are integers or null");
like($r->{body},
     qr/"requestCount":0,"costLimit":null,"cost":"0(?:\.0+)?",/, "money");
is_deeply($k->{limits},
          { map { $_ => { tokens => undef, requests => undef, cost => undef } }
            qw(day month) }, "limits");
is_deeply($k->{rateLimits}, { requestsPerMinute => undef, maxParallel => undef,
                              tokensPerMinute => undef }, "rateLimits");
is_deeply([@$k{qw(models allowedIps expiresAt lastUsedAt)}],
          [undef, undef, undef, undef], "nothing else is set");
like($k->{createdAt}, qr/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
     "createdAt");



=== TEST 2: the key object again, without the secret
--- steps
my $made = alice("POST", "", { name => "again" });
my $k = $made->{json};
my $r = alice("GET", "/$k->{id}");

is($r->{status}, 200, "GET");

my $secret = delete $k->{key};

is_deeply($r->{json}, $k, "the same object");
is(index($r->{body}, $secret), -1, "no secret in it");

my $list = alice("GET", "");

is($list->{status}, 200, "the list");
is_deeply($list->{json}, { keys => [$k], next => undef }, "with one key");
is(index($list->{body}, $secret), -1, "no secret in it");

my $head = alice("HEAD", "/$k->{id}");

is($head->{status}, 200, "HEAD");
is($head->{body}, "", "has no body");
is($head->{headers}{"content-length"}, length $r->{body}, "and its length");



=== TEST 3: the list in pages, oldest first
--- steps
my @made = map { alice("POST", "", { name => "key $_" })->{json}{id} } 1 .. 5;
my (@seen, @sizes);
my $after = "";

api("POST", $keys, { name => "not hers" }, jwt("bob"));

for (1 .. 9) {
    my $r = alice("GET", "?limit=2$after");

    is($r->{status}, 200, "page $_");
    push @sizes, scalar @{ $r->{json}{keys} };
    push @seen, map { $_->{id} } @{ $r->{json}{keys} };
    is_deeply([members($r->{body})], ["keys", "next"], "its members");

    last if !defined $r->{json}{next};
    $after = "&after=$r->{json}{next}";
}

is_deeply(\@sizes, [2, 2, 1], "three pages");
is_deeply(\@seen, \@made, "each key once, in order");



=== TEST 4: a page that is no page
--- steps
for my $query (qw(limit=0 limit=1001 limit=-1 limit=x limit= limit=1.5
                  limit=99999999999999999999 after=nonsense))
{
    refused(alice("GET", "?$query"), 400, "INVALID_REQUEST", $query);
}

is(alice("GET", "?limit=1000")->{status}, 200, "limit=1000");



=== TEST 5: another's key is no key
--- steps
my $id = alice("POST", "", { name => "hers" })->{json}{id};

for my $method (qw(GET PATCH DELETE)) {
    my $body = $method eq "PATCH" ? { name => "his" } : undef;

    refused(api($method, "$keys/$id", $body, jwt("bob")), 404,
            "KEY_NOT_FOUND", "$method another's");
    refused(api($method, "$keys/key_" . "0" x 22, $body, jwt("bob")), 404,
            "KEY_NOT_FOUND", "$method nobody's");
    refused(api($method, "$keys/nonsense", $body, jwt("bob")), 404,
            "KEY_NOT_FOUND", "$method no id");
}

is(alice("GET", "/$id")->{json}{name}, "hers", "it is as it was");
is(scalar @{ api("GET", $keys, undef, jwt("bob"))->{json}{keys} }, 0,
   "his list is empty");



=== TEST 6: DELETE
--- steps
my $k = alice("POST", "", { name => "short" })->{json};
my $r = alice("DELETE", "/$k->{id}");

is($r->{status}, 200, "DELETE");
is_deeply([members($r->{body})], ["id", "deleted"], "its members");
is_deeply($r->{json}, { id => $k->{id}, deleted => JSON::PP::true }, "body");

refused(alice("GET", "/$k->{id}"), 404, "KEY_NOT_FOUND", "GET");
refused(alice("PATCH", "/$k->{id}", {}), 404, "KEY_NOT_FOUND", "PATCH");
refused(alice("DELETE", "/$k->{id}"), 404, "KEY_NOT_FOUND", "DELETE");
is_deeply(alice("GET", "")->{json}, { keys => [], next => undef }, "the list");
refused(api("GET", "/api/ai-service/usage", undef, $k->{key}), 401,
        "INVALID_API_KEY", "nobody can use it");



=== TEST 7: PATCH
--- steps
my $id = alice("POST", "", { name => "before" })->{json}{id};
my $k = alice("GET", "/$id")->{json};
my %changes = (
    name => "after",
    usageLimit => 500,
    requestLimit => 0,
    costLimit => "1.25",
    models => ["llama3", "mistral*"],
    allowedIps => ["127.0.0.0/8", "2001:db8::/32"],
    expiresAt => "2100-01-01T00:00:00Z",
);

for my $name (sort keys %changes) {
    my $r = alice("PATCH", "/$id", { $name => $changes{$name} });

    is($r->{status}, 200, "PATCH $name");
    $k->{$name} = $changes{$name};
    $r->{json}{expiresAt} =~ s/\.000Z/Z/ if defined $r->{json}{expiresAt};
    is_deeply($r->{json}, $k, "nothing else changed");
}

my $r = alice("PATCH", "/$id", {});

is($r->{status}, 200, "{}");
$r->{json}{expiresAt} =~ s/\.000Z/Z/;
is_deeply($r->{json}, $k, "changes nothing");

$r = alice("PATCH", "/$id", { map { $_ => undef }
                              grep { $_ ne "name" } keys %changes });

is($r->{status}, 200, "null");
is_deeply([@{ $r->{json} }{grep { $_ ne "name" } sort keys %changes}],
          [(undef) x 6], "takes a limit away");

for my $active (JSON::PP::false, JSON::PP::true) {
    $r = alice("PATCH", "/$id", { isActive => $active });

    is($r->{json}{isActive}, $active, "isActive");
    is($r->{json}{disabledBy}, $active ? undef : "owner", "disabledBy");
}



=== TEST 8: names
--- steps
my $wide = "\x{5bc6}";

for my $name ("x", "x" x 100, $wide x 100, " a\x{e9} ", "\x{1f511}", "a b") {
    my $r = alice("POST", "", { name => $name });
    (my $trimmed = $name) =~ s/^ +| +$//g;

    is($r->{status}, 201, length($name) . " characters");
    is($r->{json}{name}, $trimmed, "trimmed");
}

for my $name ("", " ", "x" x 101, $wide x 101, "a\nb", "a\x7fb", "\x00",
              undef, 5, ["x"], JSON::PP::true)
{
    refused(alice("POST", "", { name => $name }), 400, "INVALID_REQUEST",
            json($name));
}

refused(alice("POST", "", {}), 400, "INVALID_REQUEST", "no name");
refused(alice("POST", "", "{\"name\":\"a\xff\"}"), 400, "INVALID_REQUEST",
        "not UTF-8");
refused(alice("POST", "", '{"name":"\ud800"}'), 400, "INVALID_REQUEST",
        "a lone surrogate");



=== TEST 9: values of a wrong type or out of range
--- steps
my $id = alice("POST", "", { name => "x" })->{json}{id};
my @wrong = map { my $name = $_; map { "\"$name\":$_" }
                  qw(-1 1.5 1e3 "5" true [] {} 9007199254740992 1.0) }
    qw(usageLimit requestLimit);

push @wrong, map { "\"costLimit\":$_" }
    qw(1 1.5 "-1" "1e3" "" "x" "1.0000000001" "1." ".5" true);
push @wrong, map { "\"expiresAt\":$_" }
    qw(1 "tomorrow" "2020-01-01T00:00:00Z" "2100-13-01T00:00:00Z" true);
push @wrong, map { "\"allowedIps\":$_" }
    qw("127.0.0.1" ["127.0.0.1/33"] ["x"] [5] {} ["1.2.3.4/8x"]);
push @wrong, map { "\"models\":$_" } (qw("llama3" [5] {} [""]), '["a","b",null]');
push @wrong, map { "\"isActive\":$_" } qw(0 "true" []);

for my $member (@wrong) {
    refused(alice("PATCH", "/$id", "{$member}"), 400, "INVALID_REQUEST",
            "PATCH $member");
    next if $member =~ /isActive/;
    refused(alice("POST", "", "{\"name\":\"x\",$member}"), 400,
            "INVALID_REQUEST", "POST $member");
}

is(alice("PATCH", "/$id", '{"usageLimit":9007199254740991}')->{status}, 200,
   "2^53-1");
like(alice("GET", "/$id")->{body}, qr/"usageLimit":9007199254740991,/, "is kept");
is(scalar @{ alice("GET", "")->{json}{keys} }, 1, "no other key was made");



=== TEST 10: what is not on the list is refused by name
--- steps
my $made = alice("POST", "", { name => "x" })->{json};

for my $member (qw(user id key prefix usageCount requestCount cost createdAt
                   disabledBy adminLimits lastUsedAt role Name nme))
{
    refused(alice("PATCH", "/$made->{id}", { $member => 1 }), 400,
            "INVALID_REQUEST", "PATCH $member", qr/\b$member\b/);
    refused(alice("POST", "", { name => "x", $member => 1 }), 400,
            "INVALID_REQUEST", "POST $member", qr/\b$member\b/);
}

delete $made->{key};
is_deeply(alice("GET", "/$made->{id}")->{json}, $made, "nothing changed");



=== TEST 11: bodies that are no object
--- steps
for my $body ("", "[]", "null", '"x"', "{", '{"name":"x"}x', "{'name':'x'}",
              '{"name":"a","name":"b"}', "\xef\xbb\xbf{\"name\":\"x\"}")
{
    refused(alice("POST", "", $body), 400, "INVALID_REQUEST", "POST $body");
}

my $big = '{"name":"' . "x" x 70000 . '"}';
my $r = alice("POST", "", $big);

like($r->{status}, qr/^(?:400|413)$/, "70,000 bytes");
is(scalar @{ alice("GET", "")->{json}{keys} }, 0, "no key was made");



=== TEST 12: methods
--- steps
my $id = alice("POST", "", { name => "x" })->{json}{id};

for my $case (["PUT", "", "GET POST"], ["DELETE", "", "GET POST"],
              ["PATCH", "", "GET POST"], ["POST", "/$id", "DELETE GET PATCH"],
              ["PUT", "/$id", "DELETE GET PATCH"])
{
    my ($method, $path, $allowed) = @$case;
    my $r = alice($method, $path, $method eq "DELETE" ? undef : {});

    refused($r, 405, "METHOD_NOT_ALLOWED", "$method $path");

    my %allow = map { $_ => 1 } split /, */, $r->{headers}{allow} || "";
    delete $allow{HEAD};
    is(join(" ", sort keys %allow), $allowed, "Allow");
}



=== TEST 13: no such path
--- steps
for my $path ("/api/ai-api/nothing", "/api/ai-api/", "$keys/", "$keys/a/b",
              "/api/ai-api/admin/nothing")
{
    my $r = api("GET", $path, undef, admin_jwt());

    like($r->{status}, qr/^40[34]$/, $path);
    like($r->{json}{code}, qr/^(?:NOT_FOUND|KEY_NOT_FOUND|ENDPOINT_NOT_ALLOWED)$/,
         "its code");
}



=== TEST 14: the 101st key of a user
--- steps
for (1 .. 100) {
    my $r = alice("POST", "", { name => "key $_" });
    is($r->{status}, 201, "key $_") if $r->{status} != 201 || $_ == 100;
}

refused(alice("POST", "", { name => "one more" }), 409, "CONFLICT", "the 101st");
is(api("POST", $keys, { name => "his" }, jwt("bob"))->{status}, 201,
   "another user's first");

my $page = alice("GET", "");

is(scalar @{ $page->{json}{keys} }, 100, "a page has 100 by default");
is(alice("DELETE", "/$page->{json}{keys}[0]{id}")->{status}, 200, "one less");
is(alice("POST", "", { name => "one more" })->{status}, 201, "one more");



=== TEST 15: ai_api_max_keys_per_user
--- http_config
    ai_api_max_keys_per_user 2;
--- steps
is(alice("POST", "", { name => "key $_" })->{status}, 201, "key $_") for 1, 2;
refused(alice("POST", "", { name => "key 3" }), 409, "CONFLICT", "key 3");
is(scalar @{ alice("GET", "")->{json}{keys} }, 2, "there are two");



=== TEST 16: PATCH and DELETE hold on the next request, in every worker
--- steps
my $k = alice("POST", "", { name => "x" })->{json};
my @open = map { client() } 1 .. 16;
my $ask = sub {
    my %seen;

    for my $c (@open) {
        $c->send_request("GET", "/api/ai-service/usage", undef,
                         "X-API-Key" => $k->{key});
        $seen{$c->read_answer->{status}}++;
    }

    return join " ", map { "$_:$seen{$_}" } sort keys %seen;
};

is($ask->(), "200:16", "sixteen connections use the key");

for my $round (1 .. 3) {
    alice("PATCH", "/$k->{id}", { isActive => JSON::PP::false });
    is($ask->(), "401:16", "switched off, $round");
    alice("PATCH", "/$k->{id}", { isActive => JSON::PP::true });
    is($ask->(), "200:16", "switched on, $round");
}

alice("DELETE", "/$k->{id}");
is($ask->(), "401:16", "deleted");



=== TEST 17: a key is nowhere but with its owner
--- steps
my @secrets = map { alice("POST", "", { name => "key $_" })->{json}{key} } 1 .. 3;

for my $secret (@secrets) {
    is(api("GET", "/api/ai-service/usage", undef, $secret)->{status}, 200,
       "Bearer");
    is(request("GET", "/api/ai-service/usage", undef, "X-API-Key" => $secret)
       ->{status}, 200, "X-API-Key");
}

alice("DELETE", "/" . alice("GET", "")->{json}{keys}[0]{id});

for my $secret (@secrets) {
    is_deeply([files_with($secret, state_dir(), "$ENV{TEST_NGINX_SERVROOT}/conf",
                          glob "$ENV{TEST_NGINX_SERVROOT}/*_temp")], [],
              "not in a file");
    is_deeply([files_with(substr($secret, 8, 35), state_dir())], [],
              "nor a part of it");
}



=== TEST 18: the first use is noted
--- upstream
{ path => "/api/chat", play => "0.11.4/chat-json" }
--- steps
my $k = alice("POST", "", { name => "x" })->{json};

is(chat({ model => "llama3", messages => [{ role => "user", content => "x" }] },
        key => $k->{key})->{status}, 200, "one request");

my $after = alice("GET", "/$k->{id}")->{json};

is($after->{usageCount}, 39, "usageCount");
is($after->{requestCount}, 1, "requestCount");
is($after->{cost}, "0.000117", "cost");
like($after->{lastUsedAt}, qr/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
     "lastUsedAt");
is($after->{createdAt}, $k->{createdAt}, "createdAt");
