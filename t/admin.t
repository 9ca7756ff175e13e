# What an administrator sees and sets: everybody's keys, blocks, limits of
# his own that bind whatever the owner sets.

use lib 't/lib';
use AiApi;
use Test::Nginx::Socket 'no_plan';

use vars qw($yes $no);

$yes = JSON::PP::true;
$no = JSON::PP::false;


sub admin {
    my ($method, $path, $body) = @_;

    return api($method, "/api/ai-api/admin/$path", $body, admin_jwt());
}


sub owner {
    my ($method, $path, $body) = @_;

    return api($method, "/api/ai-api/$path", $body, jwt("alice"));
}


sub works {
    my ($key) = @_;

    return request("GET", "/api/ai-service/usage", undef, "X-API-Key" => $key->{key})
        ->{status} == 200;
}


run_tests();

__DATA__

=== TEST 1: everybody's keys
--- steps
my @made = map { create_key(name => "key $_", user => $_ % 2 ? "alice" : "bob") } 1 .. 5;
my $r = admin("GET", "keys");

is($r->{status}, 200, "status");
is_deeply([map { $_->{id} } @{ $r->{json}{keys} }], [map { $_->{id} } @made],
          "all, oldest first");
is_deeply([map { $_->{user} } @{ $r->{json}{keys} }], [qw(alice bob alice bob alice)],
          "with their users");
is($r->{json}{next}, undef, "next");

for my $k (@made) {
    is(index($r->{body}, $k->{key}), -1, "no secret");
}

# but for the user, what the owner sees
my $mine = owner("GET", "keys")->{json}{keys}[0];
my $same = $r->{json}{keys}[0];

is(delete $same->{user}, "alice", "user");
is_deeply($same, $mine, "the owner's object");

my (@seen, $after);

for (1 .. 5) {
    my $page = admin("GET", "keys?limit=2" . (defined $after ? "&after=$after" : ""));

    push @seen, map { $_->{id} } @{ $page->{json}{keys} };
    last if !defined($after = $page->{json}{next});
}

is_deeply(\@seen, [map { $_->{id} } @made], "in pages");
is_deeply([map { $_->{name} } @{ admin("GET", "keys?user=bob")->{json}{keys} }],
          ["key 2", "key 4"], "of a user");
is_deeply([map { $_->{name} } @{ admin("GET", "keys?user=bob&limit=1")->{json}{keys} }],
          ["key 2"], "a page of a user");
refused(admin("GET", "keys?limit=0"), 400, "INVALID_REQUEST", "limit=0");



=== TEST 2: a block that the owner cannot undo
--- steps
my $k = create_key(name => "x");
my $r = admin("PATCH", "keys/$k->{id}", { isActive => $no });

is($r->{status}, 200, "blocked");
is("$r->{json}{isActive} $r->{json}{disabledBy}", "0 admin", "by an administrator");
is($r->{json}{user}, "alice", "user");
is(works($k), "", "it works no more");

refused(owner("PATCH", "keys/$k->{id}", { isActive => $yes }), 403, "ADMIN_REQUIRED",
        "the owner");
is(owner("GET", "keys/$k->{id}")->{json}{disabledBy}, "admin", "sees who did it");
is(owner("PATCH", "keys/$k->{id}", { name => "renamed" })->{status}, 200,
   "and may rename it");
is(works($k), "", "it still works no more");
refused(owner("PATCH", "keys/$k->{id}", { name => "y", isActive => $yes }), 403,
        "ADMIN_REQUIRED", "not even in passing");
is(owner("GET", "keys/$k->{id}")->{json}{name}, "renamed", "nothing of that was done");

owner("PATCH", "keys/$k->{id}", { isActive => $no });
is(owner("GET", "keys/$k->{id}")->{json}{disabledBy}, "admin", "the block stays his");

$r = admin("PATCH", "keys/$k->{id}", { isActive => $yes });
is("$r->{json}{isActive} " . (defined $r->{json}{disabledBy} ? 1 : 0), "1 0", "undone");
is(works($k), 1, "it works");

is(owner("PATCH", "keys/$k->{id}", { isActive => $no })->{json}{disabledBy}, "owner",
   "the owner's own");
is(owner("PATCH", "keys/$k->{id}", { isActive => $yes })->{status}, 200, "is his to undo");



=== TEST 3: limits of an administrator are kept apart
--- steps
my $k = create_key(name => "x", usageLimit => 1000);
my $r = admin("PATCH", "keys/$k->{id}", { usageLimit => 50, requestLimit => 7,
                                          costLimit => "0.5" });

is($r->{status}, 200, "set") or diag($r->{body});

my $mine = owner("GET", "keys/$k->{id}")->{json};

is($mine->{usageLimit}, 1000, "the owner's limit is as it was");
is($mine->{requestLimit}, undef, "and none where there was none");
is($mine->{adminLimits}{usageLimit}, 50, "adminLimits: usageLimit");
is($mine->{adminLimits}{requestLimit}, 7, "requestLimit");
is($mine->{adminLimits}{costLimit}, "0.5", "costLimit");

# the owner changes his own only
owner("PATCH", "keys/$k->{id}", { usageLimit => undef });
$mine = owner("GET", "keys/$k->{id}")->{json};
is($mine->{usageLimit}, undef, "the owner's is gone");
is($mine->{adminLimits}{usageLimit}, 50, "the other stays");

$r = admin("PATCH", "keys/$k->{id}", { usageLimit => undef });
is($r->{status}, 200, "taken away");
is($r->{json}{adminLimits} ? $r->{json}{adminLimits}{usageLimit} : undef, undef, "is gone");



=== TEST 4: the smaller limit binds
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-json" }
--- steps
my $ask = sub { chat({ model => "llama3", messages => [{ role => "user", content => "x" }] },
                     key => $_[0]{key}) };
my $k = create_key(name => "x", requestLimit => 100);

admin("PATCH", "keys/$k->{id}", { requestLimit => 2 });
is($ask->($k)->{status}, 200, "$_ of 2") for 1, 2;
refused($ask->($k), 429, "RATE_LIMIT_EXCEEDED", "the administrator's");

owner("PATCH", "keys/$k->{id}", { requestLimit => 1000000 });
refused($ask->($k), 429, "RATE_LIMIT_EXCEEDED", "whatever the owner sets");

admin("PATCH", "keys/$k->{id}", { requestLimit => 50 });
owner("PATCH", "keys/$k->{id}", { requestLimit => 3 });
is($ask->($k)->{status}, 200, "3 of 3");
refused($ask->($k), 429, "RATE_LIMIT_EXCEEDED", "the owner's, when it is smaller");



=== TEST 5: what is no such key, or no such change
--- steps
my $k = create_key(name => "x");

refused(admin("PATCH", "keys/key_" . "0" x 22, { isActive => $no }), 404,
        "KEY_NOT_FOUND", "nobody's");
refused(admin("PATCH", "keys/x", { isActive => $no }), 404, "KEY_NOT_FOUND", "no id");
refused(admin("PATCH", "keys/$k->{id}", { $_ => 1 }), 400, "INVALID_REQUEST", $_,
        qr/\b$_\b/) for qw(user usageCount cost key secret);
refused(admin("PATCH", "keys/$k->{id}", "[]"), 400, "INVALID_REQUEST", "no object");
refused(admin("PATCH", "keys/$k->{id}", { isActive => "no" }), 400, "INVALID_REQUEST",
        "a wrong type");
is(admin("PATCH", "keys/$k->{id}", {})->{status}, 200, "{}");
refused(admin($_, "keys"), 405, "METHOD_NOT_ALLOWED", "$_ keys") for qw(PUT DELETE);
refused(admin($_, "stats"), 405, "METHOD_NOT_ALLOWED", "$_ stats") for qw(PUT DELETE);

refused(owner("PATCH", "admin/keys/$k->{id}", { isActive => $no }), 403,
        "ADMIN_REQUIRED", "a user at that path");
is(works($k), 1, "it works as before");



=== TEST 6: blocks hold on the next request, in every worker
--- steps
my $k = create_key(name => "x");
my @open = map { client() } 1 .. 12;
my $statuses = sub {
    my %seen;

    for my $c (@open) {
        $c->send_request("GET", "/api/ai-service/usage", undef, "X-API-Key" => $k->{key});
        $seen{$c->read_answer->{status}}++;
    }

    return join " ", map { "$_:$seen{$_}" } sort keys %seen;
};

is($statuses->(), "200:12", "works");

for (1 .. 3) {
    admin("PATCH", "keys/$k->{id}", { isActive => $no });
    is($statuses->(), "401:12", "blocked");
    admin("PATCH", "keys/$k->{id}", { isActive => $yes });
    is($statuses->(), "200:12", "works again");
}



=== TEST 7: an administrator's own paths as a user
--- steps
my $k = create_key(name => "hers");

refused(api("GET", "/api/ai-api/keys/$k->{id}", undef, admin_jwt()), 404,
        "KEY_NOT_FOUND", "GET");
refused(api("DELETE", "/api/ai-api/keys/$k->{id}", undef, admin_jwt()), 404,
        "KEY_NOT_FOUND", "DELETE");
is(works($k), 1, "it is not his");



=== TEST 8: windows and rates of an administrator
--- steps
my $k = create_key(name => "x", limits => { day => { tokens => 10 } });
my %none = map { $_ => undef } qw(tokens requests cost);
my $r = admin("PATCH", "keys/$k->{id}",
              { limits => { day => { tokens => 5 }, month => { cost => "2" } },
                rateLimits => { requestsPerMinute => 3, tokensPerMinute => 4,
                                maxParallel => 1 } });

is($r->{status}, 200, "set") or diag($r->{body});

my $mine = owner("GET", "keys/$k->{id}")->{json};

is_deeply($mine->{limits}, { day => { %none, tokens => 10 }, month => \%none },
          "the owner's are as they were");
is_deeply($mine->{adminLimits},
          { usageLimit => undef, requestLimit => undef, costLimit => undef,
            limits => { day => { %none, tokens => 5 }, month => { %none, cost => "2" } },
            rateLimits => { requestsPerMinute => 3, tokensPerMinute => 4,
                            maxParallel => 1 } }, "the administrator's, apart");

owner("PATCH", "keys/$k->{id}", { limits => undef, rateLimits => { maxParallel => 9 } });
is_deeply(owner("GET", "keys/$k->{id}")->{json}{adminLimits}, $mine->{adminLimits},
          "whatever the owner does");
admin("PATCH", "keys/$k->{id}", { limits => undef, rateLimits => undef });
is(exists owner("GET", "keys/$k->{id}")->{json}{adminLimits}, "", "taken away");
refused(owner("PATCH", "keys/$k->{id}", { adminLimits => {} }), 400, "INVALID_REQUEST",
        "not by the owner", qr/"adminLimits"/);



=== TEST 9: users
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-json" }
--- steps
my $k = create_key(name => "x");
my $r = admin("GET", "users/alice");

is($r->{status}, 200, "GET");
is(join(" ", members($r->{body})),
   "user isActive prepaid balance usageCount requestCount cost limits keys createdAt "
   . "usageLimit requestLimit costLimit rateLimits", "the members");
is_deeply([@{ $r->{json} }{qw(user isActive prepaid balance keys)}],
          ["alice", $yes, $no, undef, 1], "alice");
is_deeply([map { $_->{user} } @{ admin("GET", "users")->{json}{users} }],
          ["alice", "root"], "the list, oldest first");

my $u = $r->{json};
my @steps = (
    [{ usageLimit => 500 }, "usageLimit"], [{ requestLimit => 0 }, "requestLimit"],
    [{ costLimit => "1.5" }, "costLimit"], [{ isActive => $no }, "isActive"],
    [{ isActive => $yes }, "isActive"], [{ usageLimit => undef }, "usageLimit"],
    [{ limits => { map { $_ => { tokens => 1, requests => 2, cost => "3" } }
                   qw(day month) } }, "limits"],
    [{ rateLimits => { requestsPerMinute => 1, tokensPerMinute => 2,
                       maxParallel => 3 } }, "rateLimits"],
);

for my $step (@steps) {
    my ($body, $name) = @$step;

    $u->{$name} = $body->{$name};
    $r = admin("PATCH", "users/alice", $body);
    is($r->{status}, 200, json($body)) or diag($r->{body});
    is_deeply($r->{json}, $u, "nothing else changed");
}

is_deeply(admin("PATCH", "users/alice", {})->{json}, $u, "{}");
is_deeply(admin("GET", "users/alice")->{json}, $u, "GET");

for my $member (qw(user balance credit keys name models allowedIps expiresAt cost
                   usageCount createdAt role adminLimits))
{
    refused(admin("PATCH", "users/alice", { $member => 1 }), 400, "INVALID_REQUEST",
            $member, qr/"$member" is not a known member/);
}

for my $bad ('{"isActive":null}', '{"isActive":0}', '{"prepaid":"yes"}',
             '{"usageLimit":-1}', '{"limits":{"day":{"tokens":1.5}}}',
             '{"limits":{"week":{}}}', '{"rateLimits":{"maxParallel":"1"}}',
             '{"isActive":true,"isActive":true}', "[]", "",
             '{"limits":' . "[" x 5000 . "]" x 5000 . "}")
{
    refused(admin("PATCH", "users/alice", $bad), 400, "INVALID_REQUEST",
            substr($bad, 0, 50));
}

is_deeply(admin("GET", "users/alice")->{json}, $u, "nothing changed");
refused(admin("PATCH", "users/$_", {}), 404, "USER_NOT_FOUND", $_)
    for qw(nobody ALICE %20alice), "x" x 200;
refused(admin($_, "users/alice"), 405, "METHOD_NOT_ALLOWED", $_) for qw(PUT POST DELETE);
refused(owner("GET", "admin/users/alice"), 403, "ADMIN_REQUIRED", "alice herself");
refused(owner("PATCH", "admin/users/alice", { usageLimit => undef }), 403,
        "ADMIN_REQUIRED", "nor can she set her limits");



=== TEST 10: a disabled user
--- steps
my $k = create_key(name => "x");

admin("PATCH", "users/alice", { isActive => $no });
refused(owner("GET", "keys"), 403, "USER_DISABLED", "his token");
refused(owner("PATCH", "keys/$k->{id}", { name => "y" }), 403, "USER_DISABLED", "writes");
refused(owner("POST", "keys", { name => "y" }), 403, "USER_DISABLED", "new keys");
is(works($k), "", "his key");
admin("PATCH", "users/alice", { isActive => $yes });
is(owner("GET", "keys")->{json}{keys}[0]{name}, "x", "nothing happened meanwhile");
is(works($k), 1, "it works again");



=== TEST 11: limits of a user count for all of his keys
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-json" }
--- steps
my $ask = sub { chat({ model => "llama3", messages => [{ role => "user", content => "x" }] },
                     key => $_[0]{key}) };
my @keys = map { create_key(name => $_, requestLimit => 100) } "a", "b";

admin("PATCH", "users/alice", { requestLimit => 2 });
is($ask->($_)->{status}, 200, "one each") for @keys;
refused($ask->($_), 429, "RATE_LIMIT_EXCEEDED", "both are at the end") for @keys;
refused($ask->(create_key(name => "c")), 429, "RATE_LIMIT_EXCEEDED",
        "a new key resets nothing");
admin("PATCH", "users/alice", { requestLimit => undef });
is($ask->($keys[0])->{status}, 200, "taken away");



=== TEST 12: statistics: notices
--- steps
is_deeply(admin("GET", "stats")->{json}{limitNotices}, { at80 => 0, at100 => 0, overruns => 0 },
          "limitNotices");
