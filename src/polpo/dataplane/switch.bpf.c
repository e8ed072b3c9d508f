// placeholder so that the package builds until the switch lands in the next commit
char _license[] __attribute__((section("license"), used)) = "GPL";
