package FakeOllama;

# An upstream that plays recorded bytes (fake_ollama.py, which lists the
# members of a rule), for one test file.
#
#   my $ollama = FakeOllama->new;
#   $ollama->rules({ path => '/api/chat', play => '0.11.4/chat-stream',
#                    cut => 'bytes', gate => 'g', gate_at => 300 });
#   $ollama->wait_for(waiting => 1, 'g');
#   $ollama->open('g');
#   $ollama->requests->[0]{headers}

use strict;
use warnings;

use File::Basename qw(dirname);
use IO::Handle;
use IPC::Open2 qw(open2);
use JSON::PP ();

my $json = JSON::PP->new->ascii->canonical;


sub new {
    my ($class) = @_;

    my $self = bless { owner => $$ }, $class;

    $self->{pid} = open2(my $out, my $in, "python3",
                         dirname(__FILE__) . "/fake_ollama.py");

    $self->{in} = $in;
    $self->{out} = $out;
    $in->autoflush(1);

    $self->{port} = $self->reply->{port};

    return $self;
}


sub port {
    return $_[0]{port};
}


sub rules {
    my ($self, @rules) = @_;

    return $self->command(rules => rules => \@rules);
}


sub open {
    my ($self, $gate) = @_;

    return $self->command(open => gate => $gate);
}


sub step {
    my ($self, $gate) = @_;

    return $self->command(step => gate => $gate);
}


# Dies when it takes longer than a minute: nothing here waits by the clock.

sub wait_for {
    my ($self, $what, $count, $gate) = @_;

    my $state = $self->command(wait => what => $what, count => $count,
                               defined $gate ? (gate => $gate) : ());

    if ($state->{timeout}) {
        die "waited in vain for $what >= $count at the upstream: ",
            $json->encode($state), "\n";
    }

    return $state;
}


# All of them, or the last so many.

sub requests {
    my ($self, $last) = @_;

    return $self->command('requests', last => $last || 0)->{requests};
}


sub state {
    my ($self, $gate) = @_;

    return $self->command(state => defined $gate ? (gate => $gate) : ());
}


sub reset {
    my ($self) = @_;

    return $self->command('reset');
}


sub command {
    my ($self, $cmd, @members) = @_;

    print { $self->{in} } $json->encode({ cmd => $cmd, @members }), "\n";

    my $reply = $self->reply;
    die "upstream: $reply->{error}\n" if exists $reply->{error};

    return $reply;
}


sub reply {
    my ($self) = @_;

    my $line = readline $self->{out};
    die "the upstream of the test is gone\n" if !defined $line;

    return $json->decode($line);
}


# Its process ends with its stdin.

sub DESTROY {
    my ($self) = @_;

    return if !defined $self->{pid} || $self->{owner} != $$;

    local ($?, $!);
    CORE::close($self->{in});
    CORE::close($self->{out});
    waitpid $self->{pid}, 0;
}


1;
