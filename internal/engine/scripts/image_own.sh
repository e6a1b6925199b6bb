# Makes the file of an image one of its own. $1 file
own_inode "$1"
facts "$1"
