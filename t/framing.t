# An answer that ends with its connection (HTTP/1.0) may have been cut: only
# the final counts show that it is whole.

use lib 't/lib';
use AiApi;
use Test::Nginx::Socket 'no_plan';

use vars qw($line $done $head);

$line = qq({"model":"m","message":{"role":"assistant","content":"a b"},)
        . qq("done":false}\n);
$done = qq({"model":"m","message":{"role":"assistant","content":""},)
        . qq("done":true,"done_reason":"stop","prompt_eval_count":5,)
        . qq("eval_count":3}\n);
$head = "HTTP/1.0 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n";


sub answer {
    my ($raw) = @_;

    upstream({ raw => $raw, stop_after => length($raw) });

    return api("POST", "/api/ai-service/api/chat",
               { model => "m", messages => [{ role => "user",
                                              content => "hi" }] }, key());
}


sub last_record {
    my $r = api("GET", "/api/ai-api/admin/ledger", undef, admin_jwt());

    return from_json((grep { /\S/ } split /\n/, $r->{body})[-1]);
}


run_tests();

__DATA__

=== TEST 1: whole
--- steps
my $r = answer($head . $line . $done);
is($r->{body}, $line . $done, "byte for byte");

my $rec = last_record();
is($rec->{status}, "ok", "ok");
is($rec->{completionTokens}, 3, "completion tokens");
ok(!$rec->{estimated}, "exact");



=== TEST 2: cut behind a line
--- steps
my $r = answer($head . $line . $line);
is(from_json((split /\n/, $r->{body})[-1])->{code}, "AI_SERVICE_ERROR",
   "the error frame");

my $rec = last_record();
is($rec->{status}, "upstream_error", "upstream_error");
is($rec->{completionTokens}, 2, "the pieces seen");
ok($rec->{estimatedCompletion}, "estimated");



=== TEST 3: cut within a line: the frame has a line of its own
--- steps
my $r = answer($head . $line . substr($line, 0, 20));
is(from_json((split /\n/, $r->{body})[-1])->{code}, "AI_SERVICE_ERROR",
   "the error frame");
is(last_record()->{status}, "upstream_error", "upstream_error");
