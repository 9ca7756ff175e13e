package AiApi::Check;

# What the tests say about answers and records, over and over.
#
#   refused($r, 401, "INVALID_API_KEY", "a key that nobody has");
#   is(text($r), …), members($r->{body})
#   my ($record) = records_after($lsn, 1);
#   charged($r, { promptTokens => 15, … }, "name");
#   eventually(sub { … }, "name");
#   leave("reset", $c);

use strict;
use warnings;
use utf8;

use Exporter qw(import);
use File::Find ();
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(refused error_like members top_level eventually wait_for ledger
                 last_lsn records_after charged no_record key_object
                 files_with sent_upstream sent_count header_names chat generate zh_text
                 leave away_from_end_of);

# Seconds after which what has not come never will.  Nothing waits for them:
# they may be as many as a machine needs that has better things to do.
our $patience = 60;

my %zh = (
    MISSING_API_KEY => "缺少API密钥",
    INVALID_API_KEY => "无效的API密钥",
    RATE_LIMIT_EXCEEDED => "API密钥使用次数已达上限",
    AUTHENTICATION_ERROR => "身份验证失败",
    ADMIN_REQUIRED => "需要管理员权限",
    MISSING_MESSAGES => "缺少必要参数: messages",
    MISSING_PROMPT => "缺少必要参数: prompt",
    MISSING_MODEL => "缺少必要参数: model",
    AI_SERVICE_ERROR => "AI服务错误",
    OLLAMA_CONNECTION_ERROR => "无法连接Ollama服务",
    UNSUPPORTED_MEDIA => "不支持的请求格式",
    PAYLOAD_TOO_LARGE => "请求体过大",
    IP_NOT_ALLOWED => "该IP不允许使用此密钥",
    MODEL_NOT_ALLOWED => "该密钥不允许使用此模型",
    ENDPOINT_NOT_ALLOWED => "不允许访问该接口",
    KEY_NOT_FOUND => "不存在",
    USER_NOT_FOUND => "不存在",
    USER_DISABLED => "用户已被禁用",
    NOT_FOUND => "不存在",
    METHOD_NOT_ALLOWED => "不支持的请求方法",
    CONFLICT => qr/^请求冲突/,
    BILLING_UNAVAILABLE => "计费服务不可用",
);

my $json = JSON::PP->new->utf8;


sub zh_text {
    return $zh{$_[0]};
}


# The one shape of all refusals; the text is the Chinese one of the document
# unless $text says otherwise (a string, or a pattern).

sub refused {
    my ($r, $status, $code, $name, $text) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $error = eval { $json->decode($r->{body}) };
    my @wrong;

    $name = "answers $status: $name" if $name !~ /\D/;

    push @wrong, "status $r->{status}, not $status" if $r->{status} != $status;

    if (ref $error ne "HASH") {
        push @wrong, "no object";
        $error = {};
    }

    if (join(" ", sort keys %$error) ne "code error") {
        push @wrong, "members: @{[sort keys %$error]}";
    }

    push @wrong, "no code $code" if ($error->{code} || "") ne $code;
    push @wrong, text_is_not($error->{error}, $code, $text);
    push @wrong, head_is_not($r, $status);

    ok(!@wrong, $name)
        or diag(join("; ", @wrong), "\n$r->{status} $r->{body}");
}


sub text_is_not {
    my ($got, $code, $text) = @_;

    $got = "" if !defined $got;

    return "error is not a string" if ref $got;

    if (!defined $text) {
        $text = defined $zh{$code} ? $zh{$code} : qr/^请求格式错误/;
    }

    return if ref $text ? $got =~ $text : $got eq $text;
    return "another text";
}


sub head_is_not {
    my ($r, $status) = @_;

    my $h = $r->{headers};
    my @wrong;

    if (($h->{"content-type"} || "") ne "application/json; charset=utf-8") {
        push @wrong, "Content-Type";
    }

    if (($h->{"x-request-id"} || "") !~ /^[0-9a-f]{32}$/) {
        push @wrong, "X-Request-Id";
    }

    my $challenge = $h->{"www-authenticate"};

    if ($status == 401) {
        if (!defined $challenge || $challenge ne 'Bearer realm="ai-api"') {
            push @wrong, "WWW-Authenticate";
        }

    } elsif (defined $challenge) {
        push @wrong, "WWW-Authenticate with $status";
    }

    if ($status == 405 && !$h->{allow}) {
        push @wrong, "Allow";
    }

    return @wrong;
}


# The names of the members of an object in the order in which they stand in
# the text; top_level() has [name, text of the value].

sub members {
    return map { $_->[0] } top_level($_[0]);
}


sub top_level {
    my ($text) = @_;

    my $string = qr/"(?:[^"\\]|\\.)*"/s;
    my ($depth, @found, $name, $start) = (0);

    while ($text =~ /\G(?:($string)|([{\[])|([}\]])|(:)|(,)|[^"{}\[\]:,]+)/gc) {
        if (defined $1) {
            $name = $1 if $depth == 1 && !defined $start;

        } elsif (defined $2) {
            $depth++;

        } elsif (defined $4) {
            $start = pos $text if $depth == 1 && !defined $start;

        } elsif (defined $3 || defined $5) {
            $depth-- if defined $3;

            if ($depth == (defined $3 ? 0 : 1) && defined $start) {
                push @found, [substr($name, 1, -1),
                              substr($text, $start, pos($text) - 1 - $start)];
                undef $start;
            }
        }
    }

    return @found;
}


# Looks again and again, at most for a minute; a last time when that is over.

sub wait_for {
    my ($condition) = @_;

    my $deadline = time() + $patience;

    for ( ;; ) {
        my $over = time() > $deadline;
        my $value = $condition->();

        return $value if $value;
        return if $over;

        sleep 0.02;
    }
}


sub eventually {
    my ($condition, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    return ok(wait_for($condition), $name);
}


# Closes or resets ($how) connections whose answers are under way; nginx knows
# of it afterwards.

sub leave {
    my ($how, @clients) = @_;

    my $gone = sub { my $n = () = AiApi::logged() =~ / while Ollama was answering/g; $n };
    my $before = $gone->();

    $_->$how for @clients;

    wait_for(sub { $gone->() >= $before + @clients })
        or die "nginx does not see that the client has gone\n";
}


# Hours and days (of UTC) are counted apart: what a test does in one must not
# be looked for in the next.

sub away_from_end_of {
    my ($what) = @_;

    my $seconds = $what eq "hour" ? 3600 : 86400;
    my $left = $seconds - time() % $seconds;

    sleep $left + 1 if $left < 60;
}


# The records, as the administrator sees them.

sub ledger {
    my ($query) = @_;

    my $r = AiApi::api("GET", "/api/ai-api/admin/ledger" . ($query || ""),
                       undef, AiApi::admin_jwt());

    die "the ledger: $r->{status} $r->{body}\n" if $r->{status} != 200;

    return map { $json->decode($_) } split /\n/, $r->{body};
}


sub last_lsn {
    my $lsn = 0;

    while (my @records = ledger("?limit=10000&after=$lsn")) {
        $lsn = $records[-1]{lsn};
    }

    return $lsn;
}


# Waits for as many records; more are a mistake that the caller sees.

sub records_after {
    my ($lsn, $count) = @_;

    my @records;

    wait_for(sub {
        @records = ledger("?limit=10000&after=$lsn");
        return @records >= $count;
    });

    return @records;
}


# The answer has a record of its own, with these members.

sub charged {
    my ($r, $expected, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $id = $r->{headers}{"x-request-id"};
    my @records;

    if (!defined $id) {
        ok(0, "$name: X-Request-Id");
        return;
    }

    wait_for(sub {
        @records = grep { $_->{requestId} eq $id } ledger("?limit=10000");
        return scalar @records;
    });

    if (@records != 1) {
        ok(0, $name) or diag(scalar(@records), " records of $id");
        return;
    }

    my %got = map { $_ => $records[0]{$_} } keys %$expected;

    is_deeply(\%got, $expected, $name) or diag($json->encode($records[0]));

    return $records[0];
}


# Nothing was written after that LSN.

sub no_record {
    my ($lsn, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my @records = ledger("?limit=10000&after=$lsn");

    is(scalar @records, 0, $name)
        or diag(map { $json->encode($_) . "\n" } @records);
}


# The object of a key, by its owner's token.

sub key_object {
    my ($id, $user) = @_;

    return AiApi::api("GET", "/api/ai-api/keys/$id", undef,
                      AiApi::jwt(defined $user ? $user : "alice"))->{json};
}


# POST /chat and POST /generate with the file's default key.

sub chat {
    return service("chat", @_);
}


sub generate {
    return service("generate", @_);
}


sub service {
    my ($route, $body, %options) = @_;

    my $key = exists $options{key} ? delete $options{key} : AiApi::key();
    my $prefix = delete $options{prefix} || "/api/ai-service";

    $body = $json->encode($body) if ref $body;
    $options{"X-API-Key"} = $key if defined $key;

    return AiApi::request("POST", "$prefix/$route", $body,
                          "Content-Type" => "application/json", %options);
}


# The requests that the upstream got: all, or the last one; and how many.

sub sent_upstream {
    return @{ AiApi::ollama()->requests } if wantarray;
    return AiApi::ollama()->requests(1)->[0];
}


sub sent_count {
    return AiApi::ollama()->state->{received};
}


sub header_names {
    my ($request) = @_;

    return sort map { lc $_->[0] } @{ $request->{headers} };
}


# The files below a directory that hold these bytes.

sub files_with {
    my ($bytes, @dirs) = @_;

    my @found;

    File::Find::find({ no_chdir => 1, wanted => sub {
        return if !-f $_;
        open my $in, "<:raw", $_ or return;
        local $/;
        my $text = <$in>;
        push @found, $_ if defined $text && index($text, $bytes) >= 0;
    } }, @dirs);

    return sort @found;
}


1;
