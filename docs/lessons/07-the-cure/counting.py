"""Two ways to count what came: 1024 bytes, and then 500 more."""
right = wrong = 0
for n in (1024, 500):
    right += n
    wrong =+ n
print(f"with += the count is {right}, with =+ it is {wrong}")
print(f"right_count={right}")
print(f"wrong_count={wrong}")
