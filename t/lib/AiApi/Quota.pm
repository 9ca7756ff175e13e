package AiApi::Quota;

# Requests of a key that is near the end of something.
#
#   my @crowd = crowd(200, sub { ("chat", $body, $key) });
#   my @refused = decided("g", @crowd);    # the others wait at Ollama's gate
#   my @answers = answers(@crowd);
#   num_predict(scalar sent_upstream())    # the cap, as Ollama got it
#   my $rule = stream_rule("chat", pieces => 300, gate => "g", behind => 10);
#   my $end = cut_end($body, "chat", "name");
#   set_user("alice", { usageLimit => 100 }); set_key($k, {…}); stats()

use strict;
use warnings;

use Exporter qw(import);
use IO::Select;
use JSON::PP ();
use Test::More;
use Time::HiRes qw(time);

use AiApi::Check;
use AiApi::Wire;

our @EXPORT = qw(crowd decided answers is_answer ok_answers num_predict caps_sent
                 question stream_rule cut_end set_user set_key user_object credit
                 stats idle sums whole_stream reload_nginx away_from_midnight
                 limit_headers start_stream take_rest unsent);

my $json = JSON::PP->new->utf8->canonical;


# The body of a request whose prompt has so many bytes.

sub question {
    my ($route, $bytes, %more) = @_;

    my $text = "x" x $bytes;
    my %body = (model => "llama3",
                $route =~ /chat$/
                ? (messages => [{ role => "user", content => $text }])
                : (prompt => $text));

    return $json->encode({ %body, %more });
}


# So many clients, each with a connection and a request of its own: $make
# gives route, body and key of the n-th.

sub crowd {
    my ($count, $make) = @_;

    my @clients = map { AiApi::client() } 1 .. $count;

    for my $n (0 .. $#clients) {
        my ($route, $body, $key) = $make->($n);

        $clients[$n]->send_request("POST", "/api/ai-service/$route", $body,
                                   "X-API-Key" => $key);
    }

    return @clients;
}


# Waits until each of them has its answer or is at Ollama's gate; returns the
# answers.  The gate is before the first byte.

sub decided {
    my ($gate, @clients) = @_;

    my %waiting = map { fileno($_->{socket}) => $_ } @clients;
    my $select = IO::Select->new(map { $_->{socket} } @clients);
    my @done;

    my $all = wait_for(sub {
        for my $socket ($select->can_read(0)) {
            my $c = $waiting{fileno $socket};

            $select->remove($socket);
            $c->{answer} = $c->read_answer;
            push @done, $c->{answer};
        }

        return @done + AiApi::ollama()->state($gate)->{waiting} >= @clients;
    });

    if (!$all) {
        my $state = AiApi::ollama()->state($gate);
        die scalar(@done), " answers, ", $json->encode($state), "\n";
    }

    return @done;
}


sub answers {
    my (@clients) = @_;

    return map { $_->{answer} ||= $_->read_answer } @clients;
}


sub ok_answers {
    my (@clients) = @_;

    return grep { is_answer($_) } answers(@clients);
}


# A 200 that is whole: JSON, or NDJSON with a final line.

sub is_answer {
    my ($r) = @_;

    return $r->{status} == 200 && $r->{complete} && $r->{body} =~ /"done":true.*\}\n?\z/;
}


sub num_predict {
    my ($request) = @_;

    return $json->decode($request->{body})->{options}{num_predict};
}


# The caps of all requests that Ollama got.

sub caps_sent {
    return map { num_predict($_) } sent_upstream();
}


# A rule of FakeOllama that says exactly what is given and takes no heed of
# num_predict: pieces, prompt, eval, text; "behind" puts the gate behind so
# many pieces, of which those that follow may have another text, "large".

sub stream_rule {
    my ($route, %spec) = @_;

    my ($pieces, $text) = ($spec{pieces}, defined $spec{text} ? $spec{text} : "x");
    my $behind = delete $spec{behind};
    my $head = "HTTP/1.1 200 OK\nContent-Type: application/x-ndjson";
    my @lines = (line($route, $text, "")) x $pieces;

    if (defined $spec{large}) {
        splice @lines, $behind, @lines, (line($route, $spec{large}, "")) x ($pieces - $behind);
    }

    push @lines, line($route, "", '"done_reason":"stop",'
                      . '"prompt_eval_count":' . (defined $spec{prompt} ? $spec{prompt} : 100)
                      . ',"eval_count":' . (defined $spec{eval} ? $spec{eval} : $pieces)
                      . ",");

    my ($path) = $route =~ m{(\w+)$};
    my %rule = (path => "/api/$path", contains => '"stream":true', raw => chunked($head, @lines));

    if (defined $behind) {
        my $rest = chunked($head, @lines[$behind .. $#lines]);

        $rest =~ s/.*?\r\n\r\n//s;
        $rule{gate_at} = length($rule{raw}) - length $rest;
    }

    delete @spec{qw(pieces prompt eval text large)};

    %rule = (%rule, %spec);
    delete @rule{grep { !defined $rule{$_} } keys %rule};

    return \%rule;
}


sub line {
    my ($route, $text, $counts) = @_;

    my $content = $route =~ /chat$/
        ? qq("message":{"role":"assistant","content":"$text"}) : qq("response":"$text");
    my $done = $counts eq "" ? "false" : "true";

    return qq({"model":"llama3","created_at":"2026-11-22T08:00:00Z",)
        . qq($content,$counts"done":$done}\n);
}


# One stream that has begun: its head was read.

sub start_stream {
    my ($route, $key, $bytes, %more) = @_;

    my ($c) = crowd(1, sub { ($route, question($route, $bytes, stream => JSON::PP::true, %more),
                              $key) });
    my $head = $c->read_head;

    is($head->{status}, 200, "a stream begins") or $c->read_body, diag($c->{body});

    return ($c, $head);
}


# Bytes on their way to clients of this port, who do not take them.

sub unsent {
    my ($port) = @_;

    my $sum = 0;

    open my $in, "<", "/proc/net/tcp" or return 1;

    while (<$in>) {
        my ($at, $queued) = /^ *\d+: [0-9A-F]+:([0-9A-F]+) \S+ 01 ([0-9A-F]+):/ or next;
        $sum += hex $queued if hex $at == $port;
    }

    return $sum;
}


# Another request, without a stream, takes all that a stream has left besides
# its hold: 300 tokens.  Ollama obeys it.

sub take_rest {
    my ($key) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $r = chat(question("chat", 400), key => $key);

    like($r->{body}, qr/"prompt_eval_count":100,"eval_count":200\}/, "another one takes the rest")
        or diag("$r->{status} $r->{body}");
}


# An answer that was cut because nothing was left ends in a line of our own:
# checks it; {pieces}, {prompt}, {completion}.

sub cut_end {
    my ($body, $route, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my @lines = split /\n/, $body, -1;
    my $rest = pop @lines;
    my $end = eval { $json->decode(pop @lines) } || {};
    my @wrong = ($rest ne "") ? "no newline at the end" : ();

    push @wrong, "a line that is no piece" if grep { !/"done":false\}$/ } @lines;
    push @wrong, "no model" if ($end->{model} || "") !~ /^llama3/;
    push @wrong, "no done" if !$end->{done};
    push @wrong, "done_reason" if ($end->{done_reason} || "") ne "length";
    push @wrong, grep { !defined $end->{$_} || $end->{$_} !~ /^\d+$/ }
        qw(total_duration prompt_eval_count eval_count);

    if ($route =~ /chat$/) {
        push @wrong, "message" if $json->encode($end->{message} || {})
            ne '{"content":"","role":"assistant"}';

    } else {
        push @wrong, "response" if !defined $end->{response} || $end->{response} ne "";
    }

    ok(!@wrong, "$name: the final line") or diag(join("; ", @wrong), "\n", substr $body, -500);

    return { pieces => scalar @lines, prompt => $end->{prompt_eval_count} || 0,
             completion => $end->{eval_count} || 0 };
}


sub whole_stream {
    my ($body, $pieces) = @_;

    my @lines = split /\n/, $body;

    return @lines == $pieces + 1 && $lines[-1] =~ /"done":true/;
}


sub set_user {
    my ($user, $changes) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $r = AiApi::api("PATCH", "/api/ai-api/admin/users/$user", $changes,
                       AiApi::admin_jwt());

    is($r->{status}, 200, "PATCH user " . $json->encode($changes)) or diag($r->{body});

    return $r->{json};
}


# By the key's owner, alice.

sub set_key {
    my ($k, $changes) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $r = AiApi::api("PATCH", "/api/ai-api/keys/$k->{id}", $changes,
                       AiApi::jwt("alice"));

    is($r->{status}, 200, "PATCH key " . $json->encode($changes)) or diag($r->{body});

    return $r->{json};
}


sub user_object {
    my ($user) = @_;

    return AiApi::api("GET", "/api/ai-api/admin/users/$user", undef,
                      AiApi::admin_jwt())->{json};
}


my $credits = 0;

sub credit {
    my ($user, $amount) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $r = AiApi::api("POST", "/api/ai-api/admin/users/$user/credit",
                       { amount => $amount, note => "test" }, AiApi::admin_jwt(),
                       "Idempotency-Key" => "credit-" . ++$credits);

    is($r->{status}, 200, "credit of $amount") or diag($r->{body});

    return $r->{json};
}


sub stats {
    return AiApi::api("GET", "/api/ai-api/admin/stats", undef, AiApi::admin_jwt())->{json};
}


sub idle {
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    return eventually(sub { stats()->{inFlight} == 0 }, "nothing is in flight");
}


# Of all records: requests, tokens, nano-units, by status.

sub sums {
    my %sum = (requests => 0, tokens => 0, nano => 0, status => {});

    for my $r (grep { $_->{kind} eq "charge" } ledger("?limit=10000")) {
        $sum{requests}++;
        $sum{tokens} += $r->{promptTokens} + $r->{completionTokens};
        $sum{nano} += $r->{costNano};
        $sum{status}{$r->{status}}++;
    }

    return \%sum;
}


# "LIMIT REMAINING", or "" without them.

sub limit_headers {
    my ($r) = @_;

    return join " ", grep { defined }
        @{ $r->{headers} }{qw(ratelimit-limit ratelimit-remaining)};
}


# New workers take over; the old ones go on with what they have and take no
# new connection.

sub reload_nginx {
    my ($wanted) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my ($master, @old) = AiApi::nginx_pids($wanted);
    my %old = map { $_ => 1 } @old;

    kill "HUP", $master;

    return eventually(sub {
        my (undef, @now) = AiApi::nginx_pids($wanted);

        return $wanted <= grep({ !$old{$_} } @now) && !grep { takes_new($_) } @old;
    }, "new workers");
}


sub takes_new {
    my ($worker) = @_;

    open my $in, "<", "/proc/$worker/cmdline" or return 0;
    my $title = <$in>;

    return defined $title && $title !~ /shutting down/;
}


# Days and months are those of UTC: what is counted in one must not be looked
# for in the next.  A slow machine may take a minute for it.

sub away_from_midnight {
    my $left = 86400 - time() % 86400;

    sleep $left + 1 if $left < 60;
}


1;
