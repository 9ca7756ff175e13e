# Limits while the disk hangs (t/lib/faults.c): a hold is there until its
# charge is durable, and a cut stream has its end not before that.

use lib 't/lib';
use AiApi;
use AiApi::Faults;
use AiApi::Quota;
use AiApi::Running;
use Test::Nginx::Socket 'no_plan';

use vars qw($yes $no $obedient);

$yes = JSON::PP::true;
$no = JSON::PP::false;
$obedient = { ndjson => { pieces => 400, prompt => 100, text => "x", obey => 1 } };

workers(1);

add_block_preprocessor(sub {
    my ($block) = @_;

    running_location($block, "ai_api_settle_timeout 50s; ai_api_max_output_tokens 200;"
                     . (defined $block->mode ? $block->mode : ""));
});


run_tests();

__DATA__

=== TEST 1: nobody else has what is being written
--- steps
for my $stream ($yes, $no) {
    my $name = $stream ? "a stream" : "JSON";
    my $k = create_key(name => "x", usageLimit => 300);

    upstream({ ndjson => { pieces => 20, prompt => 100, obey => 1 } });
    faults("fdatasync hang");

    my ($c) = crowd(1, sub { ("chat", question("chat", 400, stream => $stream), $k->{key}) });

    ollama()->wait_for(ended => 1);
    faulted();

    # held or charged: 120 at least
    refused(chat(question("chat", 800), key => $k->{key}), 429, "RATE_LIMIT_EXCEEDED", "$name: held", qr/./);

    my ($head, $seen) = early($c);

    unlike($seen, qr/"done":true.*\}/, "$name: the end has not come");
    faults();
    $head ||= $c->read_head;
    ok($c->read_body, "$name: then it comes");
    is(scalar(my @r = records_of($head)), 1, "$name: a record");

    # and gives back what was not used
    set_key($k, { usageLimit => 271 });
    is(chat(question("chat", 600), key => $k->{key})->{status}, 200, "$name: 151 are left");
    is(num_predict(scalar sent_upstream()), 1, "$name: exactly");
}



=== TEST 2: the end of a stream that was cut comes behind its charge
--- steps
for my $route (qw(chat generate)) {
    my $k = create_key(name => "x", usageLimit => 464);

    upstream(stream_rule($route, pieces => 400, gate => "g", behind => 10, stop_after => -5,
                         stop => "hang"), $obedient);

    my ($c, $head) = start_stream($route, $k->{key}, 400);

    $c->read_until(qr/(?:.*\n){10}/);
    ollama()->wait_for(waiting => 1, "g");
    take_rest($k->{key});
    faults("fdatasync hang");
    ollama()->open("g");
    $c->read_until(qr/(?:.*\n){64}/);
    ollama()->wait_for(closed => 1);
    faulted();
    unlike(so_far($c), qr/"done":true/, "$route: no end yet");
    faults();
    ok($c->read_body, "$route: then a clean one");

    my $end = cut_end($c->{body}, $route, $route);
    my ($r) = records_of($head);

    is_deeply([@$r{qw(status promptTokens completionTokens)}],
              ["cut_quota", @$end{qw(prompt completion)}], "$route: its record is there");
}



=== TEST 3: strict: ten of sixty, and none more while their charges are written
--- mode
ai_api_quota strict; ai_api_context_length 100;
--- steps
my $k = create_key(name => "x", usageLimit => 3000);

# all that each of them holds: 300
upstream($obedient);
faults("fdatasync hang");

my $make = sub { ("chat", question("chat", 40, stream => $yes), $k->{key}) };
my @crowd = crowd(60, $make);

ollama()->wait_for(ended => 10);
faulted();
is((grep { $_->{status} == 429 } answers(crowd(10, $make))), 10, "none more");
faults();
is(scalar(ok_answers(@crowd)), 10, "ten answers");
is((grep { $_->{status} == 429 } answers(@crowd)), 50, "the others are refused");
idle();
is(key_object($k->{id})->{usageCount}, 3000, "all that there was");



=== TEST 4: what an answer did not use is there before its charge is written
--- mode
ai_api_quota strict; ai_api_context_length 100;
--- steps
my $k = create_key(name => "x", usageLimit => 3000);

# 120 of 300
upstream({ ndjson => { pieces => 20, prompt => 100, obey => 1 } });
faults("fdatasync hang");

my @crowd = crowd(60, sub { ("chat", question("chat", 40, stream => $yes), $k->{key}) });

ollama()->wait_for(ended => 10);
faulted();
faults();

my @good = ok_answers(@crowd);

cmp_ok(scalar @good, ">=", 10, "as many as fit by their holds");
is((grep { $_->{status} == 429 } answers(@crowd)), 60 - @good, "200 or 429");
idle();
is(key_object($k->{id})->{usageCount}, 120 * @good, "the sum");
cmp_ok(120 * @good, "<=", 3000, "never more than the limit");



=== TEST 5: Ollama is done: the place of maxParallel is free
--- steps
my $k = create_key(name => "x", rateLimits => { maxParallel => 1 });

upstream({ ndjson => { pieces => 5, prompt => 10, obey => 1 } });
faults("fdatasync hang");

my $make = sub { ("chat", question("chat", 40, stream => $yes), $k->{key}) };
my ($one) = crowd(1, $make);

$one->read_head;
ollama()->wait_for(ended => 1);
faulted();
unlike(so_far($one), qr/"done":true/, "it waits for the disk");

my ($two) = crowd(1, $make);

is($two->read_head->{status}, 200, "the next one runs");
faults();
ok($one->read_body && $two->read_body, "both have their ends");
idle();
