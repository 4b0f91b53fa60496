"""What people write, read strictly: plan files, bench files, pump profiles."""
