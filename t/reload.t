# Reloads and killed workers: nothing is lost, nothing is charged twice.

use lib 't/lib';
use AiApi;
use Test::Nginx::Socket 'no_plan';

use vars qw(%question $body);

%question = (model => "llama3", messages => [{ role => "user", content => "x" }]);
$body = json({ %question, stream => JSON::PP::true });


sub start {
    my $c = client();

    $c->send_request("POST", "/api/ai-service/chat", $body, "X-API-Key" => key());

    return $c;
}


# Two workers of which none is one of these.

sub new_workers {
    my (@old) = @_;

    my %old = map { $_ => 1 } @old;

    return wait_for(sub {
        my (undef, @now) = nginx_pids();
        my @new = grep { !$old{$_} } @now;
        return @new >= 2 ? \@new : undef;
    });
}


sub reload {
    my ($master, @workers) = nginx_pids();

    kill "HUP", $master;
    ok(new_workers(@workers), "new workers");
}


sub whole {
    my ($r) = @_;

    return $r->{complete} && $r->{body} eq recording("0.24.0/chat-stream")->{body};
}


# Names of the threads of a process.

sub threads {
    my ($pid) = @_;

    my @names;

    for my $file (glob "/proc/$pid/task/*/comm") {
        open my $in, "<", $file or next;
        push @names, grep { defined } scalar <$in>;
    }

    chomp @names;

    return sort @names;
}


run_tests();

__DATA__

=== TEST 1: a stream goes on through a reload
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-stream", cut => "lines", gate => "g",
  gate_at => 1000 }
--- steps
my ($master, @old) = nginx_pids();
my $c = start();
my $head = $c->read_head;

ollama()->wait_for(waiting => 1, "g");
reload();
ollama()->open("g");

ok($c->read_body && $c->{body} eq recording("0.24.0/chat-stream")->{body},
   "it has the whole answer");
charged($head, { status => "ok", promptTokens => 15, completionTokens => 24 }, "the record");
eventually(sub { !grep { kill 0, $_ } @old }, "the old workers end");
is((nginx_pids())[0], $master, "the master stays");



=== TEST 2: before the first byte
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-stream", gate => "g" }
--- steps
my @open = map { start() } 1 .. 10;

ollama()->wait_for(waiting => 10, "g");
reload();
ollama()->open("g");

is((grep { whole($_->read_answer) } @open), 10, "ten whole answers");
is(scalar(my @records = records_after(0, 10)), 10, "ten records");
is((grep { $_->{status} ne "ok" } @records), 0, "all of them ok");



=== TEST 3: an idle connection of a client, keys and counts
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-stream" }
--- steps
my $k = create_key(name => "x", usageLimit => 1000);

is(chat({ %question, stream => JSON::PP::true }, key => $k->{key})->{status}, 200, "before");
reload();
is(chat({ %question, stream => JSON::PP::true }, key => $k->{key})->{status}, 200, "after");

my $object = key_object($k->{id});

is_deeply([@$object{qw(usageCount requestCount cost)}], [78, 2, "0.000234"], "the counts");
is_deeply([map { $_->{lsn} } ledger()], [1, 2], "the ledger");

api("PATCH", "/api/ai-api/keys/$k->{id}", { isActive => JSON::PP::false }, jwt("alice"));
is(chat(\%question, key => $k->{key})->{status}, 401, "and it can be switched off");



=== TEST 4: many reloads under load
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-stream" }
--- steps
my ($good, $sent) = (0, 0);
my $key = key();

for my $round (1 .. 6) {
    my @open = map { start() } 1 .. 10;

    kill "HUP", (nginx_pids())[0];

    for my $c (@open) {
        $sent++;
        $good++ if whole($c->read_answer);
    }
}

is($good, $sent, "every answer is whole");
is(scalar(my @records = records_after(0, $sent)), $sent, "every record is there");

my %ids = map { $_->{requestId} => 1 } @records;
is(scalar keys %ids, $sent, "each once");
is_deeply([map { $_->{lsn} } @records], [1 .. $sent], "without a gap");



=== TEST 5: a worker is killed after its answer
--- no_error_log
[crit]
[emerg]
--- no_shutdown_error_log
[crit]
[emerg]
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-stream" }
--- steps
for my $round (1 .. 4) {
    my $r = chat({ %question, stream => JSON::PP::true });
    my (undef, @workers) = nginx_pids();

    kill "KILL", @workers;
    ok(whole($r), "the answer was whole, $round");
    ok(new_workers(@workers), "new workers");

    my @records = grep { $_->{requestId} eq $r->{headers}{"x-request-id"} } ledger();

    is(scalar @records, 1, "its record is there");
    is("$records[0]{status} $records[0]{promptTokens} $records[0]{completionTokens}",
       "ok 15 24", "as it was");
}

is_deeply([map { $_->{lsn} } ledger()], [1 .. 4], "four in all");
is(api("GET", "/api/ai-api/usage", undef, jwt("alice"))->{json}{total}{totalTokens},
   4 * 39, "the usage");



=== TEST 6: a worker is killed in the middle
--- no_error_log
[crit]
[emerg]
--- no_shutdown_error_log
[crit]
[emerg]
--- upstream
{ path => "/api/chat", play => "0.24.0/chat-stream", cut => "lines", gate => "g",
  gate_at => 1000, times => 1 },
{ path => "/api/chat", play => "0.24.0/chat-stream" }
--- steps
my $c = start();

$c->read_head;
$c->read_until(qr/\n/);
ollama()->wait_for(waiting => 1, "g");

my (undef, @workers) = nginx_pids();

kill "KILL", @workers;
ok(new_workers(@workers), "new workers");
ok(!$c->read_body, "the answer is torn");

my $r = chat({ %question, stream => JSON::PP::true });

ok(whole($r), "the next one is whole");
charged($r, { status => "ok", completionTokens => 24 }, "its record");
cmp_ok(scalar(() = ledger()), "<=", 2, "no more than one for each");



=== TEST 7: each thread says what it is
--- steps
my (undef, @workers) = nginx_pids();

for my $pid (@workers) {
    my $names;

    # a worker is there before its threads are
    wait_for(sub { $names = join ", ", threads($pid);
                   $names eq "ai_api commit, ai_api reports, nginx" });
    is($names, "ai_api commit, ai_api reports, nginx", "names");
}
