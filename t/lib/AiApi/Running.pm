package AiApi::Running;

# Requests under way.
#
#   my $c = ask("chat", "true");       # POST /chat, "stream": true
#   my $head = $c->read_head;
#   so_far($c)                         # the body, as far as it was sent
#   my ($head, $body) = early($c);     # as far as sent, in place of read_head
#   in_ledger($head, $w, "name");      # charged once, at once, as recorded
#   running_location($block, "ai_api_settle_timeout 1s;")
#   by_worker($pid, sub { ask(…) })    what this one does, and no other

use strict;
use warnings;

use Exporter qw(import);
use IO::Select;
use Test::More;

our @EXPORT = qw(ask send_question drain_input so_far early records_of
                 in_ledger running_location worker_of pieces_of by_worker);

our $prefix = "/api/ai-service";    # where the questions go

my %question = (chat => { messages => [{ role => "user", content => "x" }] },
                generate => { prompt => "x" });


# The standard locations with more directives, and the worker's pid in the
# header of each answer.

sub running_location {
    my ($block, $more) = @_;

    $block->set_value("config", <<"EOC");
    add_header X-Worker \$pid always;

    location /api/ai-service/ {
        ai_api_pass http://ollama;
        $more
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
EOC
}


sub worker_of {
    return $_[0]{headers}{"x-worker"};
}


# The others do not run meanwhile: who takes a connection is left to chance.
# A process that has its title is done with what it does at its beginning.

sub by_worker {
    my ($worker, $what) = @_;

    my (undef, @workers) = AiApi::nginx_pids();
    my @others = grep { $_ != $worker } @workers;

    AiApi::Check::wait_for(sub { !grep { title($_) !~ /worker process/ } @workers });

    kill "STOP", @others;
    AiApi::Check::wait_for(sub { !grep { state($_) ne "T" } @others });

    my @result = eval { $what->() };
    my $error = $@;

    kill "CONT", @others;
    die $error if $error ne "";

    return wantarray ? @result : $result[0];
}


sub title {
    return proc($_[0], "cmdline");
}


sub state {
    return proc($_[0], "stat") =~ /\) (\w)/ ? $1 : "";
}


sub proc {
    my ($pid, $name) = @_;

    open my $in, "<", "/proc/$pid/$name" or return "";
    my $text = <$in>;

    return defined $text ? $text : "";
}


sub ask {
    my ($route, $stream, @headers) = @_;

    my $c = AiApi::client();

    send_question($c, $route, $stream, @headers);

    return $c;
}


sub send_question {
    my ($c, $route, $stream, @headers) = @_;

    my $body = AiApi::json({ model => "llama3", %{ $question{$route} },
                             stream => JSON::PP->can($stream)->() });

    $c->send_request("POST", "$prefix/$route", $body,
                     "X-API-Key" => AiApi::key(), @headers);
}


# What is there, without waiting.

sub drain_input {
    my ($c) = @_;

    while (IO::Select->new($c->{socket})->can_read(0)) {
        last if !$c->fill;
    }

    $c->read_body(sub { 1 });

    return $c->{body};
}


# All that the one worker had to send: it has answered to someone else since.

sub so_far {
    my ($c) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    is(AiApi::request("GET", "/api/ai-service/nothing")->{status}, 401,
       "the worker answers");

    return drain_input($c);
}


# The same before the head was read: that, if it came, and the body so far.

sub early {
    my ($c) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    is(AiApi::request("GET", "/api/ai-service/nothing")->{status}, 401,
       "the worker answers");

    return (undef, "") if $c->silent(0);

    my $head = $c->read_head;

    return ($head, drain_input($c));
}


# An NDJSON answer: what is before its final line, and that line.

sub pieces_of {
    my ($w) = @_;

    return $w->{body} =~ /^(.*\n)(\{.*\}\n)\z/s;
}


sub records_of {
    my ($head) = @_;

    my $id = $head->{headers}{"x-request-id"};

    return grep { $_->{requestId} eq $id }
        AiApi::Check::ledger("?limit=10000");
}


sub in_ledger {
    my ($head, $w, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my @found = records_of($head);

    is(scalar @found, 1, "$name: one record");

    my %r = %{ $found[0] || {} };

    is_deeply([@r{qw(promptTokens completionTokens cost status)}],
              [@$w{qw(prompt completion cost)}, $w->{as} || "ok"],
              "$name: its counts");
}


1;
