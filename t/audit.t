# Who changed what: a line for every write of management, in its own
# transaction, and never a secret.

use lib 't/lib';
use AiApi;
use Test::Nginx::Socket 'no_plan';

use vars qw($yes $no @members $body);

$yes = JSON::PP::true;
$no = JSON::PP::false;
@members = qw(seq at actor action target before after);
$body = { model => "llama3", messages => [{ role => "user", content => "x" }] };


sub admin {
    my ($method, $path, $body, %headers) = @_;

    return api($method, "/api/ai-api/admin/$path", $body, admin_jwt(), %headers);
}


sub owner {
    my ($method, $path, $body) = @_;

    return api($method, "/api/ai-api/$path", $body, jwt("alice"));
}


sub lines {
    my ($query) = @_;

    my $r = admin("GET", "audit" . ($query || "?limit=1000"));

    die "the audit: $r->{status} $r->{body}\n" if $r->{status} != 200;

    return @{ $r->{json}{audit} };
}


sub last_seq {
    my @lines = lines();

    return @lines ? $lines[-1]{seq} : 0;
}


# A line less number and time.

sub what {
    my ($line) = @_;

    return [@$line{qw(actor action target before after)}];
}


# One more line, and what it says; nothing: none.

sub left {
    my ($seq, $name, @expected) = @_;

    my @lines = lines("?after=$seq");

    is_deeply([map { what($_) } @lines], [@expected], $name)
        or diag(map { json($_) . "\n" } @lines);

    return $lines[-1];
}


run_tests();

__DATA__

=== TEST 1: a line
--- steps
my $k = owner("POST", "keys", { name => "first", usageLimit => 5 })->{json};
my $r = admin("GET", "audit");
my @lines = @{ $r->{json}{audit} };

is($r->{status}, 200, "status");
is($r->{headers}{"content-type"}, "application/json; charset=utf-8", "type");
is($r->{headers}{"cache-control"}, "no-store", "no-store");
is_deeply([members($r->{body})], ["audit", "next"], "its members");
is(join(" ", members($r->{body} =~ /^\{"audit":\[(\{.*?\})[,\]]/ ? $1 : "")),
   join(" ", @members), "of a line, in the document's order");
is_deeply([map { $_->{seq} } @lines], [1 .. @lines], "numbered from 1");
like($_->{at}, qr/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, "at") for @lines;
is_deeply(what($lines[0]), ["user:alice", "user.create", "alice", undef, {}],
          "a user begins");
is_deeply(what($lines[1]),
          ["user:alice", "key.create", $k->{id}, undef,
           { name => "first", usageLimit => 5, user => "alice",
             prefix => $k->{prefix}, last4 => $k->{last4}, graceUntil => undef }],
          "a key is made");
is_deeply(what($lines[2]), ["admin:root", "user.create", "root", undef, {}],
          "the administrator, who looks");
is($r->{json}{next}, undef, "that was all");



=== TEST 2: every write has one
--- steps
my $k = create_key(name => "x");
my $seq = last_seq();

owner("PATCH", "keys/$k->{id}", { name => "y", requestLimit => 3, isActive => $no });
my $line = left($seq, "the owner's PATCH",
                ["user:alice", "key.update", $k->{id},
                 { name => "x", requestLimit => undef, isActive => $yes,
                   disabledBy => undef },
                 { name => "y", requestLimit => 3, isActive => $no,
                   disabledBy => "owner" }]);

admin("PATCH", "keys/$k->{id}", { isActive => $yes, costLimit => "2" });
$line = left($line->{seq}, "the administrator's",
             ["admin:root", "key.update", $k->{id},
              { isActive => $no, disabledBy => "owner",
                adminLimits => limits(undef) },
              { isActive => $yes, disabledBy => undef,
                adminLimits => limits("2") }]);

my $new = owner("POST", "keys/$k->{id}/rotate", { graceSeconds => 3600 })->{json};
my ($got) = lines("?after=$line->{seq}");

like($got->{after}{graceUntil}, qr/^20.*Z$/, "how long the old secret works");
$line = left($line->{seq}, "rotate",
             ["user:alice", "key.rotate", $k->{id},
              { prefix => $k->{prefix}, last4 => $k->{last4}, graceUntil => undef },
              { prefix => $new->{prefix}, last4 => $new->{last4},
                graceUntil => $got->{after}{graceUntil} }]);

admin("PATCH", "users/alice", { rateLimits => { maxParallel => 2 }, prepaid => $yes });
$line = left($line->{seq}, "a user",
             ["admin:root", "user.update", "alice",
              { prepaid => $no, balance => undef, rateLimits => rates(undef) },
              { prepaid => $yes, balance => "0", rateLimits => rates(2) }]);

admin("POST", "users/alice/credit", { amount => "1.50", note => "\x{5bc6} \"q\"" },
      "Idempotency-Key" => "k");
$line = left($line->{seq}, "a credit",
             ["admin:root", "user.credit", "alice", { balance => "0" },
              { balance => "1.5", amount => "1.5", note => "\x{5bc6} \"q\"",
                lsn => last_lsn() }]);

owner("DELETE", "keys/$k->{id}");
($got) = lines("?after=$line->{seq}");
is_deeply([@{ what($got) }[0 .. 2], $got->{before}{name}, $got->{after}],
          ["user:alice", "key.delete", $k->{id}, "y", undef], "DELETE");


sub limits {
    my $none = { tokens => undef, requests => undef, cost => undef };

    return { usageLimit => undef, requestLimit => undef, costLimit => $_[0],
             limits => { day => $none, month => $none }, rateLimits => rates(undef) };
}


sub rates {
    return { requestsPerMinute => undef, tokensPerMinute => undef,
             maxParallel => $_[0] };
}



=== TEST 3: what changes nothing, or is refused, has none
--- steps
my $k = create_key(name => "x", usageLimit => 5);

admin("POST", "users/alice/credit", { amount => "1" }, "Idempotency-Key" => "k");

my $seq = last_seq();

for my $same ({}, { name => "x" }, { name => " x " }, { usageLimit => 5 },
              { isActive => $yes, models => undef, limits => { day => {} } })
{
    is(owner("PATCH", "keys/$k->{id}", $same)->{status}, 200, json($same));
}

is(admin("PATCH", "keys/$k->{id}", { isActive => $yes })->{status}, 200, "admin");
is(admin("PATCH", "users/alice", { isActive => $yes, prepaid => $yes,
                                   usageLimit => undef })->{status}, 200, "user");
is(admin("POST", "users/alice/credit", { amount => "1" }, "Idempotency-Key" => "k")
   ->{status}, 200, "a credit again");

for my $r (owner("PATCH", "keys/$k->{id}", { name => "y", usageLimit => -1 }),
           owner("POST", "keys", {}),
           owner("POST", "keys/$k->{id}/rotate", { graceSeconds => "1" }),
           api("PATCH", "/api/ai-api/keys/$k->{id}", { name => "y" }, jwt("root")),
           api("DELETE", "/api/ai-api/keys/$k->{id}", undef, jwt("root")),
           owner("PATCH", "admin/keys/$k->{id}", { isActive => $no }),
           admin("POST", "users/alice/credit", { amount => "2" },
                 "Idempotency-Key" => "k"),
           admin("PATCH", "users/nobody", { isActive => $no }))
{
    like($r->{status}, qr/^4/, "refused");
}

is(owner("GET", $_)->{status}, 200, "GET $_") for qw(keys usage);
is(last_seq(), $seq, "no line");



=== TEST 4: in pages
--- steps
my $k = create_key(name => "0");

owner("PATCH", "keys/$k->{id}", { name => "n$_" }) for 1 .. 9;

my @all = lines();
my (@seen, @sizes, $after);

for (1 .. 20) {
    my $r = admin("GET", "audit?limit=4" . (defined $after ? "&after=$after" : ""));

    push @seen, @{ $r->{json}{audit} };
    push @sizes, scalar @{ $r->{json}{audit} };
    last if !defined($after = $r->{json}{next});
}

is_deeply(\@seen, \@all, "each line once, in order");
is_deeply(\@sizes, [(4) x int(@all / 4), @all % 4 ? @all % 4 : ()], "as asked");
is_deeply([lines("?after=$all[-1]{seq}")], [], "nothing after the last");
is_deeply([map { $_->{seq} } lines("?after=3&limit=2")], [4, 5], "after");

refused(admin("GET", "audit?$_"), 400, "INVALID_REQUEST", $_)
    for qw(limit=0 limit=1001 limit=x limit= after=x after=-1 after=1.5
           after=99999999999999999999);
refused(owner("GET", "admin/audit"), 403, "ADMIN_REQUIRED", "a user");
refused(admin($_, "audit"), 405, "METHOD_NOT_ALLOWED", $_) for qw(POST PATCH DELETE);



=== TEST 5: a name cannot pass for another kind of actor
--- steps
my @names = ("admin:root", "ai-apictl:root", "user:alice", "\x{5bc6}", "a\"b");

for my $name (@names) {
    api("POST", "/api/ai-api/keys", { name => "x" }, jwt($name));
}

my @actors = map { $_->{actor} } grep { $_->{action} eq "key.create" } lines();

is_deeply(\@actors, [map { "user:$_" } @names], "all of them are users");



=== TEST 6: no secret is in a line, nor in the store
--- steps
my @secrets = map { create_key(name => "key $_")->{key} } 1 .. 3;
my $id = owner("GET", "keys")->{json}{keys}[0]{id};

push @secrets, owner("POST", "keys/$id/rotate", { graceSeconds => 5 })->{json}{key};
owner("DELETE", "keys/$id");

my $audit = admin("GET", "audit?limit=1000")->{body};

for my $secret (@secrets) {
    is(index($audit, substr($secret, 8, 41)), -1, "not in the audit");
    is_deeply([files_with(substr($secret, 8, 35), state_dir())], [], "not in a file");
}



=== TEST 7: many writers: lines without a gap, one a write
--- steps
my @ids = map { create_key(name => "0", user => "user$_")->{id} } 1 .. 8;
my $seq = last_seq();

for my $round (1 .. 5) {
    my @open = map { client() } @ids;

    for my $i (0 .. $#ids) {
        $open[$i]->send_request("PATCH", "/api/ai-api/keys/$ids[$i]",
                                json({ name => "n$round" }),
                                Authorization => "Bearer " . jwt("user" . ($i + 1)));
    }

    is($_->read_answer->{status}, 200, "round $round") for @open;
}

my @lines = lines("?limit=1000&after=$seq");

is_deeply([map { $_->{seq} } @lines], [map { $seq + $_ } 1 .. 40], "40 lines");

for my $id (@ids) {
    my @mine = grep { $_->{target} eq $id } @lines;

    is_deeply([map { "$_->{before}{name} $_->{after}{name}" } @mine],
              ["0 n1", map { "n" . ($_ - 1) . " n$_" } 2 .. 5], "$id, in order");
}
