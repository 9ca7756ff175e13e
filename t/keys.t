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



=== TEST 19: limits of a day, a month and a minute
--- steps
my %limits = (day => { tokens => 1, requests => 2, cost => "3.5" },
              month => { tokens => 4, requests => undef, cost => undef });
my %rates = (requestsPerMinute => 5, tokensPerMinute => 6, maxParallel => 7);
my $made = alice("POST", "", { name => "x", limits => \%limits,
                               rateLimits => \%rates });

is($made->{status}, 201, "made") or diag($made->{body});

my $k = alice("GET", "/$made->{json}{id}")->{json};

is_deeply($k->{limits}, \%limits, "limits");
is_deeply($k->{rateLimits}, \%rates, "rateLimits");

# each for itself, whatever else there is

my @steps = (
    [{ limits => { day => { tokens => 9 } } }, limits => day => "tokens", 9],
    [{ limits => { month => { cost => "0.000000001" } } }, limits => month => "cost",
     "0.000000001"],
    [{ limits => { day => { cost => undef } } }, limits => day => "cost", undef],
    [{ limits => { day => {}, month => {} } }],
    [{ limits => {} }],
    [{ rateLimits => { maxParallel => 0 } }, "rateLimits", "maxParallel", 0],
    [{ rateLimits => { tokensPerMinute => 9007199254740991 } }, "rateLimits",
     "tokensPerMinute", 9007199254740991],
    [{ rateLimits => {} }],
);

for my $step (@steps) {
    my ($body, @path) = @$step;
    my $value = pop @path;
    my $last = pop @path;
    my $at = $k;

    $at = $at->{$_} for @path;
    $at->{$last} = $value if defined $last;

    my $r = alice("PATCH", "/$k->{id}", $body);

    is($r->{status}, 200, json($body));
    is_deeply($r->{json}, $k, "nothing else changed");
}

my %none = map { $_ => undef } qw(tokens requests cost);

$k->{limits}{month} = \%none;
is_deeply(alice("PATCH", "/$k->{id}", { limits => { month => undef } })->{json}, $k,
          "a month's gone");
$k->{limits} = { day => \%none, month => \%none };
is_deeply(alice("PATCH", "/$k->{id}", { limits => undef })->{json}, $k, "all gone");
$k->{rateLimits} = { map { $_ => undef } keys %rates };
is_deeply(alice("PATCH", "/$k->{id}", { rateLimits => undef })->{json}, $k,
          "no rates any more");



=== TEST 20: limits that are none, and members at any depth that are not on the list
--- steps
my $k = alice("POST", "", { name => "x" })->{json};
my @wrong;

delete $k->{key};

for my $span (qw(day month)) {
    push @wrong, map { ["{\"limits\":{\"$span\":{\"$$_[0]\":$$_[1]}}}", $$_[0]] }
        map { my $v = $_; map { [$_, $v] } qw(tokens requests) }
        qw(-1 1.5 1e3 "5" true [] {} 9007199254740992);
    push @wrong, map { ["{\"limits\":{\"$span\":{\"cost\":$_}}}", "cost"] }
        qw(1 "-1" "" "1e3" "0.0000000001" "9223372036.854775808" []);
    push @wrong, map { ["{\"limits\":{\"$span\":$_}}", $span] } qw(5 "x" [] true);
    push @wrong, ["{\"limits\":{\"$span\":{\"token\":1}}}", "token"];
}

push @wrong, map { ["{\"limits\":$_}", "limits"] } qw(5 "x" [] false);
push @wrong, map { ["{\"limits\":{\"$_\":null}}", $_] } qw(week year Day minute);
push @wrong, map { ["{\"rateLimits\":$_}", "rateLimits"] } qw(5 "x" [] false);
push @wrong, map { ["{\"rateLimits\":{\"$_\":null}}", $_] }
    qw(requestsPerDay maxparallel day);
push @wrong, map { ["{\"rateLimits\":{\"maxParallel\":$_}}", "maxParallel"] }
    qw(-1 1.5 "1" {} 9007199254740992);

for my $case (@wrong) {
    my ($body, $name) = @$case;

    refused(alice("PATCH", "/$k->{id}", $body), 400, "INVALID_REQUEST", $body,
            qr/"\Q$name\E"/);
}

# twice, or too deep

refused(alice("PATCH", "/$k->{id}", $_), 400, "INVALID_REQUEST", substr($_, 0, 50))
    for '{"limits":{"day":{"tokens":1,"tokens":1}}}',
        '{"limits":{"day":{"tokens":1},"day":{}}}',
        '{"limits":{},"limits":{}}',
        '{"limits":{"day":{"tokens":1,"t\u006fkens":2}}}',
        '{"limits":' . '{"day":' x 3000 . "1" . "}" x 3001,
        '{"models":' . "[" x 3000 . "]" x 3000 . "}";

# half of a body is none of it

refused(alice("PATCH", "/$k->{id}", { name => "y", usageLimit => 5,
                                      limits => { day => { tokens => -1 } } }),
        400, "INVALID_REQUEST", "a body with one mistake");
is_deeply(alice("GET", "/$k->{id}")->{json}, $k, "nothing changed");



=== TEST 21: rotation: two secrets of one key, for as long as was said
--- upstream
{ path => "/api/chat", play => "0.11.4/chat-json" }
--- steps
my $body = { model => "llama3", messages => [{ role => "user", content => "x" }] };
my $works = sub { chat($body, key => $_[0])->{status} };
my $k = alice("POST", "", { name => "x", requestLimit => 4 })->{json};
my $r = alice("POST", "/$k->{id}/rotate", { graceSeconds => 60 });
my $new = $r->{json};

is($r->{status}, 200, "rotated");
is($r->{headers}{"cache-control"}, "no-store", "no-store");
like($new->{key}, qr/^aik_[0-9A-Za-z]{49}$/, "a new secret");
isnt($new->{key}, $k->{key}, "is another one");
is($new->{prefix}, substr($new->{key}, 0, 8), "prefix");
is($new->{last4}, substr($new->{key}, -4), "last4");
is_deeply([@$new{qw(id name requestLimit createdAt)}],
          [@$k{qw(id name requestLimit createdAt)}], "the same key");

is($works->($k->{key}), 200, "the old one");
is($works->($new->{key}), 200, "the new one");
is($works->($k->{key}), 200, "the old one again");
is(alice("GET", "/$k->{id}")->{json}{requestCount}, 3, "both count for one key");
is($works->($new->{key}), 200, "the last of the limit");
is($works->($_->{key}), 429, "which is for both") for $k, $new;

# the next one takes the first secret away, whatever was promised

my $third = alice("POST", "/$k->{id}/rotate", { graceSeconds => 60 })->{json};
my $usage = sub { api("GET", "/api/ai-service/usage", undef, $_[0])->{status} };

is(join(" ", map { $usage->($_->{key}) } $k, $new, $third), "401 200 200",
   "after another");

# a short grace

my $begin = Time::HiRes::time();
my $fourth = alice("POST", "/$k->{id}/rotate", { graceSeconds => 1 })->{json};
my $rotated = Time::HiRes::time();

is($usage->($new->{key}), 401, "older");

# the server's time lies between these two
for ( ;; ) {
    my $before = Time::HiRes::time();
    my $status = $usage->($third->{key});
    my $after = Time::HiRes::time();

    if ($after < $begin + 0.99) {
        next if $status == 200;
        is($status, 200, "in its grace");
        last;
    }

    if ($before >= $rotated + 1) {
        is($status, 401, "the grace ends");
        last;
    }
}

is($usage->($fourth->{key}), 200, "the new one stays");

# none

for my $none (undef, {}, { graceSeconds => 0 }, { graceSeconds => undef }) {
    my $next = alice("POST", "/$k->{id}/rotate", $none)->{json};

    is($usage->($fourth->{key}), 401, "no grace: " . json($none));
    is($usage->($next->{key}), 200, "the new one");
    $fourth = $next;
}



=== TEST 22: rotation that is none
--- steps
my $k = alice("POST", "", { name => "x" })->{json};
my $usage = sub { api("GET", "/api/ai-service/usage", undef, $_[0])->{status} };

for my $bad ('{"graceSeconds":-1}', '{"graceSeconds":1.5}', '{"graceSeconds":"1"}',
             '{"graceSeconds":31536001}', '{"graceSeconds":9007199254740992}',
             '{"graceSeconds":true}', '{"grace":1}', '{"graceSeconds":1,"key":"x"}',
             '{"graceSeconds":1,"graceSeconds":1}', "[]", "null", "x")
{
    refused(alice("POST", "/$k->{id}/rotate", $bad), 400, "INVALID_REQUEST", $bad);
}

refused(api("POST", "$keys/$k->{id}/rotate", undef, jwt("bob")), 404,
        "KEY_NOT_FOUND", "another's");
refused(api("POST", "$keys/$k->{id}/rotate", undef, admin_jwt()), 404,
        "KEY_NOT_FOUND", "an administrator");
refused(alice("POST", "/nonsense/rotate"), 404, "KEY_NOT_FOUND", "no id");
refused(alice($_, "/$k->{id}/rotate"), 405, "METHOD_NOT_ALLOWED", $_)
    for qw(GET PUT PATCH DELETE);
is($usage->($k->{key}), 200, "it works as before");

# a block stays one

api("PATCH", "/api/ai-api/admin/keys/$k->{id}", { isActive => JSON::PP::false },
    admin_jwt());

my $new = alice("POST", "/$k->{id}/rotate", { graceSeconds => 60 })->{json};

is($new->{disabledBy}, "admin", "blocked as before");
is(join(" ", map { $usage->($_->{key}) } $k, $new), "401 401", "by either secret");

# deleted: both are gone

$k = alice("POST", "", { name => "y" })->{json};
$new = alice("POST", "/$k->{id}/rotate", { graceSeconds => 60 })->{json};
alice("DELETE", "/$k->{id}");
is(join(" ", map { $usage->($_->{key}) } $k, $new), "401 401", "deleted");
refused(alice("POST", "/$k->{id}/rotate"), 404, "KEY_NOT_FOUND", "a deleted key");



=== TEST 23: many at once: never a key too many
--- http_config
    ai_api_max_keys_per_user 5;
--- steps
my @open = map { client() } 1 .. 20;

for my $c (@open) {
    $c->send_request("POST", $keys, '{"name":"x"}', Authorization => "Bearer " . jwt("alice"));
}

my %seen;
$seen{$_->read_answer->{status}}++ for @open;

is_deeply(\%seen, { 201 => 5, 409 => 15 }, "five of twenty");
is(scalar @{ alice("GET", "")->{json}{keys} }, 5, "there are five");
