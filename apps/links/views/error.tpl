% rebase('base.tpl', title=status)
<h1>{{status}}</h1>
<p>{{text}}</p>
<p><a href="{{url('index')}}">Back to the links</a></p>
