# Tries the program under exercise in five networks, and writes down what it must say of each.
printf 'refused\nfiltered\nno route\nwrong name\nblack hole\n' >want.txt
{
    sockdiag lab --server-cmd 'python3 server.py' -- "$@" 10.77.0.2 5001
    sockdiag lab --drop syn:1-99 --server-cmd 'python3 server.py' -- "$@" 10.77.0.2 5000
    sockdiag lab --server-cmd 'python3 server.py' -- "$@" 192.0.2.1 5000
    sockdiag lab --server-cmd 'python3 server.py' -- "$@" server.example 5000
    sockdiag lab --drop larger:1000 --server-cmd 'python3 server.py' -- "$@" 10.77.0.2 5000
} >got.txt
