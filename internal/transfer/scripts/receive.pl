# The loop of receive.sh, in a third of its processor time: a dd for each frame is not needed.
# receive.pl PART JOURNAL TOOL: prints "end LINES BYTES" when the last frame is stored, nothing when the stream was cut, else an error.
use strict;
my ($part, $journal, $tool) = @ARGV;
my ($unit, $chunk) = (65536, 131072);
sub failed { print "@_\n"; exit 0 }
open(my $file, '+<', $part) or failed("$part: $!");
open(my $log, '>>', $journal) or failed("$journal: $!");
eval { fcntl(STDIN, 1031, 1 << 20) };    # F_SETPIPE_SZ of fcntl(2): fewer turns between sshd and us

# A line is read byte by byte, so that what follows is left for others.
sub line {
	my $line = '';
	while (sysread(STDIN, my $c, 1)) {
		return $line if $c eq "\n";
		$line .= $c;
	}
	exit 0;
}

# bytes COUNT SINK: passes so many bytes of the stream on.
sub bytes {
	my ($left, $sink) = @_;
	while ($left > 0) {
		my $n = sysread(STDIN, my $data, $left < $chunk ? $left : $chunk) or exit 0;
		$sink->($data);
		$left -= $n;
	}
}

sub put {
	my ($data) = @_;
	while (length $data) {
		my $n = syswrite($file, $data);
		failed("error writing $part: $!") unless defined $n;
		substr($data, 0, $n, '');
	}
}

my $unpack = '"$1" -dc | dd of="$2" bs=65536 seek="$3" count="$4" iflag=fullblock conv=notrunc 2>&1 | grep "[Nn]o space"';
while (1) {
	my ($kind, $first, $count, $length) = split / /, my $line = line();
	if ($kind eq 'end') { print "$line\n"; exit 0 }
	sysseek($file, $first * $unit, 0) or failed("error seeking in $part: $!");
	if ($kind eq 'd') {
		bytes($count * $unit, \&put);
	} elsif ($kind eq 'z') {
		my $packed = '';
		bytes($length, sub { $packed .= $_[0] });
		local $SIG{PIPE} = 'IGNORE';
		open(my $out, '|-', 'sh', '-c', $unpack, 'sh', $tool, $part, $first, $count) or failed("$tool: $!");
		print $out $packed;
		close $out or $? or failed("$tool: $!");
		exit 0 if $? == 0;    # grep found what it looked for and has printed it
	} elsif ($kind eq 'h') {
		put("\0" x $unit) for system('fallocate', '-p', '-o', $first * $unit, '-l', $count * $unit, $part) ? 1 .. $count : ();
	} else {
		exit 0;
	}
	syswrite($log, "$first $count\n") or failed("error writing $journal: $!");
}
