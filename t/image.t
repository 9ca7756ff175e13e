# Image models count no tokens: what they answer is not passed on.

use lib 't/lib';
use AiApi;
use Test::Nginx::Socket 'no_plan';

use vars qw($text $image);

$text = qq({"model":"m","response":"a","done":false}\n);
$image = qq({"model":"m","completed":1,"total":4,"done":false}\n)
         . qq({"model":"m","image":"MARKED","done":true}\n);


sub answer {
    my ($body, $type, $cut) = @_;

    upstream({ raw => "HTTP/1.1 200 OK\r\nContent-Type: $type\r\n"
                      . "Content-Length: " . length($body) . "\r\n\r\n$body",
               cut => $cut });

    return api("POST", "/api/ai-service/api/generate",
               { model => "m", prompt => "hi" }, key());
}


run_tests();

__DATA__

=== TEST 1: a stream
--- steps
for my $cut (qw(whole lines bytes random)) {
    for my $before ("", $text) {
        my $r = answer($before . $image, "application/x-ndjson", $cut);

        is($r->{status}, 200, "$cut: status");
        unlike($r->{body}, qr/MARKED/, "$cut: no picture");

        my @lines = split /\n/, $r->{body};
        is(from_json($lines[-1])->{code}, "AI_SERVICE_ERROR",
           "$cut: the error frame");
        charged($r, { status => "upstream_error" }, "$cut: the record");
    }
}



=== TEST 2: one object
--- steps
my $body = '{"model":"m","response":"","image":"MARKED","done":true}';

upstream({ raw => "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                  . "Content-Length: " . length($body) . "\r\n\r\n$body" });

my $c = client();
$c->send_request("POST", "/api/ai-service/api/generate",
                 '{"model":"m","prompt":"hi","stream":false}',
                 "X-API-Key" => key());

my $r = $c->read_answer;
ok(!$r->{complete}, "torn");
unlike($r->{body}, qr/MARKED/, "no picture");
charged($r, { status => "upstream_error" }, "the record");
