# A thousand slow streams at once with one worker: each is whole and charged,
# and what one of them costs in memory is printed.

use strict;
use warnings;

# two descriptors a stream in the worker; the shell's limit may be 1024
BEGIN {
    if (!$ENV{AI_API_NOFILE}) {
        $ENV{AI_API_NOFILE} = 1;
        exec "/bin/sh", "-c",
            'ulimit -n 8192 2>/dev/null || ulimit -n "$(ulimit -Hn)"; exec "$@"',
            "sh", $^X, "-It/lib", $0;
    }
}

use lib 't/lib';
use AiApi;
use AiApi::Running;
use Test::Nginx::Socket 'no_plan';

use vars qw($streams $w);

$streams = 1000;
$w = recording("0.24.0/chat-stream");

workers(1);
worker_connections(4096);
log_level("info");

add_block_preprocessor(sub { running_location($_[0], "") });


# Stands in the middle of the answer until the gate is open.

sub gated {
    upstream({ path => "/api/chat", play => $w->{name}, gate => "middle",
               gate_at => 1000 });
}


sub all_running {
    my ($count) = @_;

    my @running = map { [ask("chat", "true")] } 1 .. $count;

    push @$_, $_->[0]->read_head for @running;
    $_->[0]->read_until(qr/Why/) for @running;
    ollama()->wait_for(waiting => $count, "middle");

    return @running;
}


# KiB that are the worker's own: the store's map is the kernel's.

sub memory {
    my (undef, $worker) = nginx_pids(1);

    open my $in, "<", "/proc/$worker/status" or die "$!\n";
    my ($kib) = join("", <$in>) =~ /^RssAnon:\s+(\d+) kB/m;

    return $kib;
}


sub counted {
    my ($status) = @_;

    return grep { $_->{status} eq $status && $_->{promptTokens} == $w->{prompt}
                  && $_->{completionTokens} == $w->{completion}
                  && $_->{cost} eq $w->{cost} } ledger("?limit=10000");
}


run_tests();

__DATA__

=== TEST 1: a thousand at once
--- steps
key();
gated();
ollama()->open("middle");
ask("chat", "true")->read_answer;
gated();

my $before = memory();
my @running = all_running($streams);
my $stream = (memory() - $before) / $streams;

diag(sprintf "%d streams: %.1f KiB of memory each", $streams, $stream);
cmp_ok($stream, "<", 64, "memory of a stream has a bound");
is(api("GET", "/api/ai-service/usage", undef, key())->{status}, 200,
   "others go on");

ollama()->open("middle");

my $whole = grep { $_->[0]->read_body && $_->[0]{body} eq $w->{body} } @running;

is($whole, $streams, "all are whole");
is(scalar(my @ok = counted("ok")), $streams + 1, "all are charged exactly");
is(scalar(my @all = ledger("?limit=10000")), $streams + 1, "once");

my %ids = map { $_->[1]{headers}{"x-request-id"} => 1 } @running;

is(scalar keys %ids, $streams, "each has an id of its own");
is(scalar(grep { $ids{$_->{requestId}} } @all), $streams, "its record's");



=== TEST 2: more clients that go away than there are slots
--- steps
key();

my $gone = 0;

# slots are 4096
while ($gone < 4200) {
    gated();

    my @running = all_running(600);

    $_->[0]->reset for @running;
    $gone += @running;
    ollama()->open("middle");
    ollama()->wait_for(ended => scalar @running);
}

wait_for(sub { return ledger("?limit=10000") >= $gone });
is(scalar(my @all = ledger("?limit=10000")), $gone, "a record each");
is(scalar(my @exact = counted("client_abort")), $gone, "drained, exactly");

gated();
ollama()->open("middle");

my $r = ask("chat", "true")->read_answer;

ok($r->{complete} && $r->{body} eq $w->{body}, "there is a slot for the next");
