package AiApi::Http2;

# A small HTTP/2 client (RFC 9113, prior knowledge) that says what libraries
# do not: a stream that is reset, a window that stays shut, nothing read.
#
#   my $h = AiApi::Http2->new($port);
#   my $id = $h->request("POST", "/path", $body, "x-api-key" => $key);
#   $h->until(sub { $h->stream($id)->{body} =~ /x/ });   # dies after 60 s
#   $h->stream($id)       # {status}, {body}, {ended}, {reset}
#   $h->reset($id);
#   $h->ping;             # all that was sent before has been seen
#
# Options: window => bytes of each stream's window (else they are kept open),
# receive_buffer => bytes of SO_RCVBUF.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_RCVBUF pack_sockaddr_in inet_aton);

use constant { DATA => 0, HEADERS => 1, RST_STREAM => 3, SETTINGS => 4,
               PING => 6, GOAWAY => 7, WINDOW_UPDATE => 8, LAST => 9 };
use constant { END_STREAM => 1, ACK => 1, END_HEADERS => 4 };

my $max = 2 ** 31 - 1;

# the status codes of HPACK's static table
my %indexed = (8 => 200, 9 => 204, 10 => 206, 11 => 304, 12 => 400, 13 => 404,
               14 => 500);


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

    my $self = bless { socket => $socket, in => "", next => 1, pings => 0,
                       streams => {} }, $class;
    my $window = defined $options{window} ? $options{window} : $max;

    $self->write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    $self->frame(SETTINGS, 0, 0, pack "nN", 4, $window);
    $self->frame(WINDOW_UPDATE, 0, 0, pack "N", $max - 65535);

    return $self;
}


sub request {
    my ($self, $method, $path, $body, %headers) = @_;

    my $id = $self->{next};
    my $block = "";

    $self->{next} += 2;
    $self->{streams}{$id} = { body => "" };

    for my $h ([":method", $method], [":scheme", "http"], [":path", $path],
               [":authority", "localhost"],
               map { [$_, $headers{$_}] } sort keys %headers)
    {
        # a literal that is never indexed, no Huffman code
        $block .= "\x10" . join "", map { string($_) } @$h;
    }

    $self->frame(HEADERS, END_HEADERS | (defined $body ? 0 : END_STREAM), $id,
                 $block);
    $self->frame(DATA, END_STREAM, $id, $body) if defined $body;

    return $id;
}


sub string {
    my ($s) = @_;

    my $n = length $s;

    return chr($n) . $s if $n < 127;

    my $length = chr(127);

    for ($n -= 127; $n >= 128; $n >>= 7) {
        $length .= chr($n & 127 | 128);
    }

    return $length . chr($n) . $s;
}


sub stream {
    return $_[0]{streams}{$_[1]};
}


sub reset {
    my ($self, $id) = @_;

    $self->frame(RST_STREAM, 0, $id, pack "N", 8);
}


sub window {
    my ($self, $id, $bytes) = @_;

    $self->frame(WINDOW_UPDATE, 0, $id, pack "N", $bytes);
}


# The server has read everything up to here.

sub ping {
    my ($self) = @_;

    my $n = $self->{pings} + 1;

    $self->frame(PING, 0, 0, pack "NN", 0, $n);
    $self->until(sub { $self->{pings} >= $n });
}


sub frame {
    my ($self, $type, $flags, $id, $payload) = @_;

    my $n = length $payload;

    $self->write(pack("CnCCN", $n >> 16, $n & 65535, $type, $flags, $id)
                 . $payload);
}


sub write {
    my ($self, $bytes) = @_;

    local $SIG{PIPE} = "IGNORE";
    print { $self->{socket} } $bytes;
}


sub until {
    my ($self, $condition) = @_;

    my $select = IO::Select->new($self->{socket});

    for ( ;; ) {
        return 1 if $condition->();
        next if $self->next_frame;

        $select->can_read(60) or die "nothing came for 60 seconds\n";
        sysread($self->{socket}, $self->{in}, 65536, length $self->{in})
            or die "the connection was closed\n";
    }
}


# Dies of anything that a server may not send.

sub next_frame {
    my ($self) = @_;

    return 0 if length $self->{in} < 9;

    my ($high, $low, $type, $flags, $id) = unpack "CnCCN", $self->{in};
    my $n = ($high << 16) + $low;

    if ($n > 16384 || $type > LAST || $id >= $self->{next} || $id > $max) {
        die "no frame: ", unpack("H*", substr $self->{in}, 0, 40), "\n";
    }

    return 0 if length $self->{in} < 9 + $n;

    my $payload = substr $self->{in}, 9, $n;
    substr($self->{in}, 0, 9 + $n) = "";

    $self->received($type, $flags, $id, $payload);

    return 1;
}


sub received {
    my ($self, $type, $flags, $id, $payload) = @_;

    my $s = $self->{streams}{$id};

    if ($type == SETTINGS) {
        $self->frame(SETTINGS, ACK, 0, "") if !($flags & ACK);

    } elsif ($type == PING) {
        $self->{pings} = (unpack "NN", $payload)[1] if $flags & ACK;

    } elsif ($type == GOAWAY) {
        $self->{goaway} = 1;

    } elsif ($type == HEADERS && $s) {
        $s->{status} = status($payload);
        $s->{ended} = 1 if $flags & END_STREAM;

    } elsif ($type == DATA && $s) {
        $s->{body} .= $payload;
        $s->{ended} = 1 if $flags & END_STREAM;
        $self->window(0, length $payload) if length $payload;

    } elsif ($type == RST_STREAM && $s) {
        $s->{reset} = 1;

    } elsif ($type != WINDOW_UPDATE) {
        die "a frame of type $type for stream $id\n";
    }
}


# The first field, behind an update of the table's size.

sub status {
    my ($block) = @_;

    $block =~ s/^[\x20-\x3f]//;

    return $indexed{ord($block) & 127} if ord($block) & 128;
    return $1 if $block =~ /^[\x08\x18\x48]\x03(\d\d\d)/;

    die "no status in ", unpack("H*", $block), "\n";
}


sub close {
    my ($self) = @_;

    CORE::close($self->{socket});
}


1;
