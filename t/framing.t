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


run_tests();

__DATA__

=== TEST 1: whole
--- steps
my $r = answer($head . $line . $done);
is($r->{body}, $line . $done, "byte for byte");

charged($r, { status => "ok", completionTokens => 3, estimated => JSON::PP::false },
        "the record");



=== TEST 2: cut behind a line
--- steps
my $r = answer($head . $line . $line);
is(from_json((split /\n/, $r->{body})[-1])->{code}, "AI_SERVICE_ERROR",
   "the error frame");

charged($r, { status => "upstream_error", completionTokens => 2,
              estimatedCompletion => JSON::PP::true }, "the pieces seen");



=== TEST 3: cut within a line: the frame has a line of its own
--- steps
my $r = answer($head . $line . substr($line, 0, 20));
is(from_json((split /\n/, $r->{body})[-1])->{code}, "AI_SERVICE_ERROR",
   "the error frame");
charged($r, { status => "upstream_error" }, "the record");
