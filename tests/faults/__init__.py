"""What a server does when it is killed, or fed with what no honest client sends."""
