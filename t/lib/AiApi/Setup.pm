package AiApi::Setup;

# The surroundings of one test file: its directory, port, users and secrets.

use strict;
use warnings;

use Cwd qw(abs_path);
use Digest::SHA qw(hmac_sha256);
use Fcntl qw(:flock O_CREAT O_RDWR);
use File::Basename qw(basename dirname);
use File::Path qw(make_path remove_tree);
use File::Spec;
use IO::Socket::INET;
use JSON::PP ();
use MIME::Base64 qw(encode_base64url);

our $secret = "the JWT secret of the tests, 32 bytes or more";
our $may_die;    # the block under way expects that nginx does not start

my $owner = $$;
my $root;
my @locks;


# Must run before Test::Nginx is loaded.

sub environment {
    my $top = abs_path(dirname(__FILE__) . "/../../..");
    my $name = basename($0, ".t");

    $ENV{PATH} .= ":/usr/sbin:/sbin";
    $ENV{AI_API_MODULE} ||= "$top/build/ngx_ai_api_module.so";

    my $parent = $ENV{AI_API_TEST_ROOT} || File::Spec->tmpdir;
    $root = "$parent/ngx_ai_api-$name-$$";
    make_path($root);
    chmod 0755, $root;

    $ENV{TEST_NGINX_SERVROOT} = "$root/nginx";
    $ENV{TEST_NGINX_PORT} ||= free_port();
    delete $ENV{TEST_NGINX_RANDOMIZE};

    # for an answer, and for nginx to end: its workers go on for 5 seconds
    # with a disk that is slow, and none may be left when the next ones start
    $ENV{TEST_NGINX_TIMEOUT} ||= 60;

    # not root's, as in a real installation
    if ($> == 0 && !$ENV{TEST_NGINX_WORKER_USER}) {
        my $group = getgrnam("nogroup") ? "nogroup" : "nobody";
        $ENV{TEST_NGINX_WORKER_USER} = "nobody $group";
    }
}


# Test::Nginx tries for 30 seconds to start an nginx that refuses its
# configuration, and then stops the whole run: here the file fails, at once.

sub fail_early {
    no warnings qw(redefine prototype);

    my $sleep = \&Test::Nginx::Util::sleep;
    my $log = "$ENV{TEST_NGINX_SERVROOT}/logs";

    *Test::More::BAIL_OUT = sub {
        Test::More->builder->ok(0, "stopped: @_");
        exit 255;
    };

    *Test::Nginx::Util::sleep = sub {
        if (!$may_die && !-e "$log/nginx.pid"
            && open my $in, "<", "$log/error.log")
        {
            my @lines = <$in>;
            my @why = grep { /\[emerg\]/ && !/bind\(\)/ } @lines;

            # one that did start is on its way out
            @why = () if grep { /start worker process/ } @lines;
            Test::Nginx::Util::bail_out($why[0]) if @why;
        }

        return $sleep->(@_);
    };
}


# None that the kernel gives to clients, locked against the other test files
# for as long as this one runs.

sub free_port {
    my $dir = File::Spec->tmpdir . "/ngx_ai_api_ports.$>";
    my ($first, $last) = ports_for_servers();

    make_path($dir);

    for (1 .. 1000) {
        my $port = $first + int(rand($last - $first + 1));

        sysopen(my $lock, "$dir/$port", O_CREAT | O_RDWR) or next;
        flock($lock, LOCK_EX | LOCK_NB) or next;

        my $s = IO::Socket::INET->new(LocalAddr => "0.0.0.0",
                                      LocalPort => $port, Listen => 1)
            or next;

        push @locks, $lock;
        return $port;
    }

    die "no free port\n";
}


sub ports_for_servers {
    my ($low, $high) = (32768, 60999);

    if (open my $in, "<", "/proc/sys/net/ipv4/ip_local_port_range") {
        my $line = <$in>;
        ($low, $high) = ($1, $2) if $line =~ /^(\d+)\s+(\d+)/;
    }

    return (10000, $low > 30000 ? 29999 : $low - 1) if $low > 11000;
    return ($high + 1, 65535) if $high < 64535;
    return (10000, 29999);
}


# A fresh directory with the secrets; the module makes the store in it.

sub new_state {
    my ($n) = @_;

    my $dir = "$root/state.$n";

    make_path($dir);
    chmod 0755, $dir;

    secret_file("$dir/pepper", "p" x 32);
    secret_file("$dir/jwt.key", $secret);

    return $dir;
}


sub secret_file {
    my ($path, $bytes) = @_;

    sysopen(my $out, $path, O_CREAT | O_RDWR, 0600) or die "$path: $!\n";
    print $out $bytes;
    close $out or die "$path: $!\n";
}


# A compact JWT, HS256 whatever the header says.

sub sign {
    my ($claims, $key, $header) = @_;

    my $json = JSON::PP->new->utf8->canonical;
    my $text = join ".", map { encode_base64url($json->encode($_)) }
        ($header || { alg => "HS256", typ => "JWT" }), $claims;

    return $text . "."
        . encode_base64url(hmac_sha256($text, defined $key ? $key : $secret));
}


# What a failed test leaves behind is worth a look.

END {
    if (defined $root && $$ == $owner) {
        if ($? == 0 && Test::More->builder->is_passing) {
            remove_tree($root, { error => \my $ignored });

        } else {
            print "# logs: $root\n";
        }
    }
}


1;
