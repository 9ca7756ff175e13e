# Quotas in front of a real Ollama: a limit that runs out in its middle, and
# what a strict key really spends.

use lib 't/lib';
use AiApi;
use Test::Nginx::Socket 'no_plan';

use vars qw($path @question);

$path = "/api/ai-service/chat";
@question = ({ role => "user", content => "Why is the sky blue?" });

real_ollama();


# The answer, its lines, and what the key has used when it is in the ledger.

sub ask {
    my ($k, %more) = @_;

    my $r = api("POST", $path,
                { model => "llama3", messages => \@question,
                  stream => JSON::PP::true(),
                  options => { temperature => 0, seed => 1 }, %more },
                $k->{key});

    $r->{lines} = [map { from_json($_) } split /\n/, $r->{body}];
    return $r;
}


sub used {
    my ($k) = @_;

    return api("GET", "/api/ai-api/keys/$k->{id}", undef, jwt("alice"))
           ->{json}{usageCount};
}


run_tests();

__DATA__

=== TEST 1: estimate: an answer that ends where its limit does
--- steps
my $k = create_key(name => "x", usageLimit => 25);
my $r = ask($k);

is($r->{status}, 200, "status");
is($r->{lines}[-1]{done_reason}, "length", "the end");
ok($r->{lines}[-1]{done}, "is done");
cmp_ok($r->{lines}[-1]{eval_count}, "<=", 20, "no more than is left");
cmp_ok(used($k), ">=", 25, "used up");
is(ask($k)->{status}, 429, "nothing is left");
--- request
GET /



=== TEST 2: strict: never over the limit, however many ask at once
--- http_config
    ai_api_quota strict;
    ai_api_context_length 4096 overhead=64;
    ai_api_max_output_tokens 12;
--- steps
my $k = create_key(name => "x", usageLimit => 700);
my @c = map { client() } 1 .. 8;
my $body = json({ model => "llama3", messages => \@question,
                  options => { temperature => 0, seed => 1 } });

$_->send_request("POST", $path, $body, "X-API-Key" => $k->{key},
                 "Content-Type" => "application/json",
                 "Content-Length" => length $body) for @c;

my %by_status;
$by_status{$_->read_answer->{status}}++ for @c;

is(join(",", sort keys %by_status), "200,429", "some fit, some do not");
cmp_ok($by_status{200}, ">=", 2, "those whose holds fit");
cmp_ok(used($k), "<=", 700, "within the limit");

my $n = 0;
$n++ while $n < 100 && ask($k)->{status} == 200;
ok($n > 0 && $n < 100, "more of them one by one, until nothing fits");
cmp_ok(used($k), "<=", 700, "never over it");
--- request
GET /
