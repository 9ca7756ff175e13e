package AiApi::Client;

# A small HTTP/1.1 client for what Test::Nginx cannot say: an answer read
# piece by piece, a connection that is closed or reset in the middle.
#
#   my $c = AiApi::Client->new($port);
#   $c->send_request("POST", "/path", $body, "X-API-Key" => $key);
#   my $head = $c->read_head;                   # {status}, {headers}
#   my $bytes = $c->read_until(qr/"done":true/); # body bytes so far
#   $c->reset;
#
# Every read dies after a minute.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_LINGER SO_RCVBUF pack_sockaddr_in inet_aton);
use Time::HiRes qw(time);


# Option receive_buffer: bytes of SO_RCVBUF, set before the connect.

sub new {
    my ($class, $port, %options) = @_;

    my $socket = IO::Socket::INET->new(Proto => "tcp", Type => SOCK_STREAM)
        or die "socket: $!\n";

    if ($options{receive_buffer}) {
        setsockopt($socket, SOL_SOCKET, SO_RCVBUF, $options{receive_buffer});
    }

    $socket->connect(pack_sockaddr_in($port, inet_aton("127.0.0.1")))
        or die "connect to port $port: $!\n";
    $socket->autoflush(1);

    return bless { socket => $socket, in => "", body => "",
                   timeout => $options{timeout} || $AiApi::Check::patience }, $class;
}


sub send_request {
    my ($self, $method, $path, $body, @headers) = @_;

    my $request = "$method $path HTTP/1.1\r\n";
    my %given;

    while (my ($name, $value) = splice @headers, 0, 2) {
        $given{lc $name} = 1;
        $request .= "$name: $value\r\n" if defined $value;
    }

    $request .= "Host: localhost\r\n" if !$given{host};

    if (defined $body && !$given{"content-length"}
        && !$given{"transfer-encoding"})
    {
        $request .= "Content-Length: " . length($body) . "\r\n";
    }

    $self->{method} = $method;
    $self->write($request . "\r\n" . (defined $body ? $body : ""));
}


sub write {
    my ($self, $bytes) = @_;

    local $SIG{PIPE} = "IGNORE";
    print { $self->{socket} } $bytes;
}


# The whole answer; {complete} is false when it broke off.

sub read_answer {
    my ($self) = @_;

    my $r = $self->read_head;

    $r->{complete} = $self->read_body;
    $r->{body} = $self->{body};

    return $r;
}


# {status}, {headers} (names in lower case), {raw}; status 0: no answer came.

sub read_head {
    my ($self) = @_;

    while ($self->{in} !~ /\r\n\r\n/) {
        last if !$self->fill;
    }

    my ($head) = $self->{in} =~ /^(.*?\r\n\r\n)/s;

    if (!defined $head) {
        return $self->{head} = { status => 0, headers => {}, raw => "" };
    }

    substr($self->{in}, 0, length $head) = "";

    my ($line, @lines) = split /\r\n/, $head;
    my %headers;

    for my $h (@lines) {
        my ($name, $value) = split /:\s*/, $h, 2;
        $name = lc $name;
        $headers{$name} = exists $headers{$name}
            ? "$headers{$name}, $value" : $value;
    }

    my ($status) = $line =~ m{^HTTP/1\.\d (\d+)};

    if (defined $status && $status == 100) {
        return $self->read_head;
    }

    $self->{body} = "";

    return $self->{head} = { status => $status || 0, headers => \%headers,
                             raw => $head };
}


# Reads on until the body's bytes so far match; returns them.

sub read_until {
    my ($self, $pattern) = @_;

    $self->read_body(sub { $self->{body} =~ $pattern });

    if ($self->{body} !~ $pattern) {
        die "the answer ended before $pattern: $self->{body}\n";
    }

    return $self->{body};
}


# The rest of the body; true when it ended as HTTP wants it.

sub read_body {
    my ($self, $enough) = @_;

    my $headers = $self->{head}{headers};
    my $status = $self->{head}{status};

    if ($self->{method} eq "HEAD" || $status == 204 || $status == 304) {
        return 1;
    }

    if (($headers->{"transfer-encoding"} || "") eq "chunked") {
        return $self->read_chunks($enough);
    }

    my $length = $headers->{"content-length"};

    for ( ;; ) {
        my $n = defined $length ? $length - length $self->{body}
            : length $self->{in};
        $self->{body} .= substr $self->{in}, 0, $n, "";

        return 1 if defined $length && length $self->{body} >= $length;
        return 0 if $enough && $enough->();

        if (!$self->fill) {
            return $status != 0 && !defined $length;
        }
    }
}


sub read_chunks {
    my ($self, $enough) = @_;

    for ( ;; ) {
        while ($self->{in} =~ /^([0-9a-fA-F]+)[^\r\n]*\r\n/) {
            my ($size, $line) = (hex $1, $+[0]);

            last if length $self->{in} < $line + $size + 2;

            $self->{body} .= substr $self->{in}, $line, $size;
            substr($self->{in}, 0, $line + $size + 2) = "";

            return 1 if $size == 0;
        }

        return 0 if $enough && $enough->();
        return 0 if !$self->fill;
    }
}


# One read from the socket; false at its end, or when it was reset.

sub fill {
    my ($self) = @_;

    my $select = IO::Select->new($self->{socket});

    if (!$select->can_read($self->{timeout})) {
        die "nothing came for $self->{timeout} seconds;"
            . " the body so far: $self->{body}\n";
    }

    return sysread $self->{socket}, $self->{in}, 65536, length $self->{in};
}


# True when nothing comes for so many seconds.

sub silent {
    my ($self, $seconds) = @_;

    return $self->{in} eq ""
        && !IO::Select->new($self->{socket})->can_read($seconds);
}


# Takes what comes, until nothing does for so many seconds.

sub take {
    my ($self, $seconds) = @_;

    my $select = IO::Select->new($self->{socket});

    while ($select->can_read($seconds)) {
        last if !$self->fill;
    }
}


sub close {
    my ($self) = @_;

    CORE::close($self->{socket});
}


# An RST instead of a FIN.

sub reset {
    my ($self) = @_;

    setsockopt($self->{socket}, SOL_SOCKET, SO_LINGER, pack("ii", 1, 0));
    CORE::close($self->{socket});
}


1;
